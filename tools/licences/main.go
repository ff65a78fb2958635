// Command licences lists the licences of the modules that the worker and the starter are
// built from, for every platform of a release.
//
//	go run -C tools ./licences           # write docs/licences.md
//	go run -C tools ./licences -check    # fail where it is out of date, or a licence is not allowed
//	go run -C tools ./licences -texts F  # write all of their texts into F, which a release carries
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/licenseclassifier/v2/assets"
)

const page = "docs/licences.md"

// platforms differ in the modules that they need.
var platforms = []string{"linux", "darwin", "windows"}

// allowed are the licences that ask for no more than their text to go with the program.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}

// unstated are modules without a licence's text, and what their authors say instead.
var unstated = map[string]string{
	"github.com/nexus-rpc/nexus-proto-annotations": "no text in the module; generated code of the Temporal authors' Nexus RPC, whose SDK is MIT",
}

// module is one that the programs are built from.
type module struct {
	Path, Version, Dir string

	licence string
	texts   []string // paths
}

func main() {
	check := flag.Bool("check", false, "fail where "+page+" is out of date or a licence is not allowed")
	texts := flag.String("texts", "", "write the texts of the licences into this file")
	flag.Parse()
	if err := run(*check, *texts); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(check bool, texts string) error {
	root, err := filepath.Abs("..") // go run -C tools
	if err != nil {
		return err
	}
	modules, err := listModules(root)
	if err != nil {
		return err
	}
	if err := classify(modules); err != nil {
		return err
	}
	if texts != "" {
		return writeTexts(texts, modules)
	}
	want := table(modules)
	file := filepath.Join(root, page)
	if !check {
		return os.WriteFile(file, want, 0o644)
	}
	have, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, want) {
		return errors.New(page + " is out of date; write it with: make licences")
	}
	return nil
}

// listModules lists the modules of the two programs on all platforms, sorted.
func listModules(root string) ([]*module, error) {
	found := map[string]*module{}
	for _, platform := range platforms {
		list := exec.Command("go", "list", "-deps", "-json=Module", "./worker", "./starter")
		list.Dir, list.Stderr = root, os.Stderr
		list.Env = append(os.Environ(), "GOOS="+platform, "CGO_ENABLED=0", "GOFLAGS=")
		out, err := list.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", platform, err)
		}
		for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Module *struct {
					module
					Main    bool
					Replace *module
				}
			}
			err := decoder.Decode(&p)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			switch m := p.Module; {
			case m == nil, m.Main: // of the standard library, or ours
			case m.Replace != nil:
				found[m.Path] = m.Replace
			default:
				found[m.Path] = &m.module
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *module) int { return strings.Compare(a.Path, b.Path) }), nil
}

// classify finds each module's licence by its text, and names every module at once whose
// licence is missing or not allowed.
func classify(modules []*module) error {
	classifier, err := assets.DefaultClassifier()
	if err != nil {
		return err
	}
	var problems []error
	for _, m := range modules {
		if m.texts, err = licenceFiles(m.Dir); err != nil {
			return err
		}
		var names []string
		for _, text := range m.texts {
			content, err := os.ReadFile(text)
			if err != nil {
				return err
			}
			for _, match := range classifier.Match(classifier.Normalize(content)).Matches {
				if match.MatchType == "License" && match.Confidence > 0.9 {
					names = append(names, match.Name)
				}
			}
		}
		slices.Sort(names)
		names = slices.Compact(names)
		m.licence = strings.Join(names, " and ")
		switch {
		case len(names) == 0 && unstated[m.Path] != "":
			m.licence = unstated[m.Path]
		case len(names) == 0:
			problems = append(problems, fmt.Errorf("%s %s has no licence that is recognised", m.Path, m.Version))
		}
		for _, name := range names {
			if !slices.Contains(allowed, name) {
				problems = append(problems, fmt.Errorf("%s %s is under %s, which is not one of %s", m.Path, m.Version, name, strings.Join(allowed, ", ")))
			}
		}
	}
	return errors.Join(problems...)
}

// licenceFiles are the files of a module's root that hold a licence or a notice.
func licenceFiles(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		for _, word := range []string{"licence", "license", "copying", "notice"} {
			if e.Type().IsRegular() && strings.HasPrefix(name, word) {
				files = append(files, filepath.Join(dir, e.Name()))
				break
			}
		}
	}
	return files, nil
}

func table(modules []*module) []byte {
	var b bytes.Buffer
	b.WriteString("# Licences\n\n" +
		"The worker and the starter are built from these modules, on any platform. `make licences` writes\n" +
		"this page, and `make lint` fails where it is out of date or a licence is not one of " + strings.Join(allowed, ", ") + ".\n" +
		"A release carries their texts in `LICENCES.txt`.\n\n" +
		"| Module | Version | Licence |\n| --- | --- | --- |\n")
	for _, m := range modules {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.Path, m.Version, m.licence)
	}
	return b.Bytes()
}

func writeTexts(file string, modules []*module) error {
	var b bytes.Buffer
	for _, m := range modules {
		for _, text := range m.texts {
			content, err := os.ReadFile(text)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%s %s: %s\n\n%s\n\n", m.Path, m.Version, filepath.Base(text), bytes.TrimSpace(content))
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}
