package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

var files = []file{{"worker", []byte("fake program"), true}, {"LICENSE", []byte("fake licence"), false}}

func TestAnArchiveOfTheSameFilesHasTheSameBytes(t *testing.T) {
	for _, system := range []string{"linux", "windows"} {
		first, err := pack("token-keeper_1", system, files)
		require.NoError(t, err)
		second, err := pack("token-keeper_1", system, files)
		require.NoError(t, err)
		require.Equal(t, first, second)

		other, err := pack("token-keeper_1", system, []file{{"worker", []byte("another program"), true}, files[1]})
		require.NoError(t, err)
		require.NotEqual(t, first, other)
	}
}

func TestAnArchiveHoldsItsFilesWithTheProgramsExecutable(t *testing.T) {
	packed, err := pack("token-keeper_1", "linux", files)
	require.NoError(t, err)
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	archive := tar.NewReader(plain)
	for _, want := range files {
		header, err := archive.Next()
		require.NoError(t, err)
		require.Equal(t, "token-keeper_1/"+want.name, header.Name)
		require.Equal(t, want.program, header.Mode&0o111 != 0)
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		require.Equal(t, want.content, content)
	}

	packed, err = pack("token-keeper_1", "windows", files)
	require.NoError(t, err)
	zipped, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	require.NoError(t, err)
	require.Len(t, zipped.File, len(files))
	require.Equal(t, "token-keeper_1/worker", zipped.File[0].Name)
	require.Equal(t, "token-keeper_1/LICENSE", zipped.File[1].Name)
}
