// Command release builds the worker and the starter for every platform and packs them, so
// that one commit and one Go toolchain always give the same bytes:
//
//	go run ./scripts/release -revision R -out dist [-platforms linux/amd64,…] [-licences FILE]
//
// Each platform gets token-keeper_R_OS_ARCH.tar.gz, or .zip for Windows, with the two
// programs, their man pages, the starter's shell completions, README.md, LICENSE and, with
// -licences, LICENCES.txt. SHA256SUMS has the sums of the archives, SHA256SUMS.programs those
// of the programs in them. SOURCE_DATE_EPOCH dates the man pages.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const everywhere = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"

var programs = []string{"worker", "starter"}

// installed is what precedes the programs' names outside of this repository, where others
// have a worker too.
const installed = "tokenkeeper-"

func main() {
	revision := flag.String("revision", "", "what the programs say that they are")
	out := flag.String("out", "dist", "the folder for the archives, which is made anew")
	platforms := flag.String("platforms", everywhere, "systems and processors to build for")
	licences := flag.String("licences", "", "the licences' texts to put into each archive")
	flag.Parse()
	if err := run(*revision, *out, strings.Split(*platforms, ","), *licences); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(revision, out string, platforms []string, licences string) error {
	if revision == "" {
		return fmt.Errorf("-revision is missing; give what git describe --always says")
	}
	common, err := commonFiles(licences)
	if err != nil {
		return err
	}
	manual, err := manualFiles()
	if err != nil {
		return err
	}
	common = append(common, manual...)
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var sums, inside []string
	for _, platform := range platforms {
		system, processor, found := strings.Cut(platform, "/")
		if !found {
			return fmt.Errorf("platform %q is not SYSTEM/PROCESSOR", platform)
		}
		fmt.Println("building for", platform)
		built, err := build(revision, system, processor)
		if err != nil {
			return err
		}
		name := strings.Join([]string{"token-keeper", revision, system, processor}, "_")
		archive, err := pack(name, system, append(built, common...))
		if err != nil {
			return err
		}
		if system == "windows" {
			name += ".zip"
		} else {
			name += ".tar.gz"
		}
		if err := os.WriteFile(filepath.Join(out, name), archive, 0o644); err != nil {
			return err
		}
		sums = append(sums, sum(archive, name))
		for _, f := range built {
			inside = append(inside, sum(f.content, name+"/"+f.name))
		}
	}
	return errors.Join(
		os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(strings.Join(sums, "")), 0o644),
		// By themselves: sha256sum --ignore-missing does not ignore what is inside an archive.
		os.WriteFile(filepath.Join(out, "SHA256SUMS.programs"), []byte(strings.Join(inside, "")), 0o644))
}

// file is one of an archive.
type file struct {
	name    string
	content []byte
	program bool
}

func commonFiles(licences string) ([]file, error) {
	var files []file
	for name, path := range map[string]string{"README.md": "README.md", "LICENSE": "LICENSE", "LICENCES.txt": licences} {
		if path == "" {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: name, content: content})
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// manualFiles are the man pages and completions, which are the same on every platform.
func manualFiles() ([]file, error) {
	dir, err := os.MkdirTemp("", "token-keeper-manual-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	write := exec.Command("go", "run", "-tags", "manual", "./starter", dir)
	write.Stdout, write.Stderr = os.Stdout, os.Stderr
	if write.Env = os.Environ(); os.Getenv("SOURCE_DATE_EPOCH") == "" {
		write.Env = append(write.Env, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", packed.Unix()))
	}
	if err := write.Run(); err != nil {
		return nil, fmt.Errorf("write the manual: %w", err)
	}
	var files []file
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		files = append(files, file{name: filepath.ToSlash(name), content: content})
		return err
	})
	return files, err
}

// build compiles the programs for a platform. -trimpath leaves out where they were built,
// -buildvcs=false the state of the checkout, and without cgo no C compiler has a part in it.
func build(revision, system, processor string) ([]file, error) {
	dir, err := os.MkdirTemp("", "token-keeper-release-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	suffix := ""
	if system == "windows" {
		suffix = ".exe"
	}
	var built []file
	for _, program := range programs {
		target := filepath.Join(dir, installed+program+suffix)
		compile := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w -buildid= -X tokenkeeper/internal/config.revision="+revision, "-o", target, "./"+program)
		compile.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0")
		compile.Stdout, compile.Stderr = os.Stdout, os.Stderr
		if err := compile.Run(); err != nil {
			return nil, fmt.Errorf("go build ./%s for %s/%s: %w", program, system, processor, err)
		}
		content, err := os.ReadFile(target)
		if err != nil {
			return nil, err
		}
		built = append(built, file{installed + program + suffix, content, true})
	}
	return built, nil
}

func pack(name, system string, files []file) ([]byte, error) {
	var b bytes.Buffer
	var err error
	if system == "windows" {
		err = writeZip(&b, name, files)
	} else {
		err = writeTar(&b, name, files)
	}
	return b.Bytes(), err
}

func sum(content []byte, name string) string {
	return fmt.Sprintf("%x  %s\n", sha256.Sum256(content), name)
}
