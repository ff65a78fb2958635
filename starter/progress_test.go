package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProgressIsALinePerThousandWhereThereIsNoTerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, 2500)
	for range 2500 {
		p.step()
	}
	p.done()
	require.Equal(t, "1,000 of 2,500\n2,000 of 2,500\n", out.String())
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		require.Equal(t, want, grouped(n))
	}
}
