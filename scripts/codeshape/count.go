package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// The groups, each with its name in the table.
const (
	product         = "product"
	testEnvironment = "test environment"
	rest            = "rest"
	whole           = "whole"
)

// figures are what was measured of one group. Lengths are in lines.
type figures struct {
	Group           string
	Files           int
	Lines           int
	MedianFile      int
	P90File         int // nine of ten files are no longer
	LongestFile     longest
	LongestFunction longest
	FilesPerPackage float64
	OneWordNames    float64 // per cent of all functions and methods
	PrivateWords    int
	Found           []foundWord
}

type longest struct {
	Name  string
	Lines int
}

// foundWord is a private word in a comment.
type foundWord struct {
	File string
	Line int
	Word string
}

// file is a parsed source file and its length.
type file struct {
	path   string
	lines  int
	set    *token.FileSet
	syntax *ast.File
}

// groupOf says which group a file belongs to, by its path in the repository.
func groupOf(filePath string) string {
	top, below, _ := strings.Cut(filePath, "/")
	inner, _, _ := strings.Cut(below, "/")
	switch {
	case top == "internal" && (inner == "sim" || inner == "testenv"):
		return testEnvironment
	case slices.Contains([]string{"internal", "activities", "workflows", "worker", "starter"}, top):
		return product
	}
	return rest
}

// readTree parses all Go files but tests, and skips the folders that the go
// command skips.
func readTree(tree fs.FS) (files []file, err error) {
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if base := path.Base(name); name != "." && (strings.ContainsRune("._", rune(base[0])) || base == "testdata" || base == "vendor") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		f := file{path: name, lines: bytes.Count(source, []byte("\n")), set: token.NewFileSet()}
		f.syntax, err = parser.ParseFile(f.set, name, source, parser.ParseComments|parser.SkipObjectResolution)
		files = append(files, f)
		return err
	})
	return files, err
}

func measure(group string, files []file) figures {
	f := figures{Group: group}
	packages := map[string]bool{}
	var lengths []int
	functions, oneWord := 0, 0
	for _, file := range files {
		if group != whole && groupOf(file.path) != group {
			continue
		}
		packages[path.Dir(file.path)] = true
		lengths = append(lengths, file.lines)
		f.Lines += file.lines
		f.LongestFile = longer(f.LongestFile, longest{file.path, file.lines})
		for _, declared := range file.syntax.Decls {
			if function, ok := declared.(*ast.FuncDecl); ok {
				functions++
				if wordsIn(function.Name.Name) == 1 {
					oneWord++
				}
				from, to := file.set.Position(function.Pos()).Line, file.set.Position(function.End()).Line
				f.LongestFunction = longer(f.LongestFunction, longest{fmt.Sprintf("%s in %s", function.Name.Name, file.path), to - from + 1})
			}
		}
		for _, comment := range file.syntax.Comments {
			f.Found = append(f.Found, privateWords(file.set, comment)...)
		}
	}
	f.Files, f.PrivateWords = len(lengths), len(f.Found)
	f.MedianFile, f.P90File = percentile(lengths, 50), percentile(lengths, 90)
	f.FilesPerPackage = float64(f.Files) / float64(max(1, len(packages)))
	f.OneWordNames = 100 * float64(oneWord) / float64(max(1, functions))
	return f
}

func longer(a, b longest) longest {
	return slices.MaxFunc([]longest{a, b}, func(a, b longest) int { return cmp.Compare(a.Lines, b.Lines) })
}

// percentile is the smallest value that so many per cent of all do not exceed.
func percentile(values []int, percent int) int {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)*percent+99)/100-1]
}

// wordsIn counts the words of a camel-case name. Capitals in a row are one word,
// as in readJSON and URLOf.
func wordsIn(name string) int {
	words := 0
	runes := []rune(strings.TrimSuffix(name, "s")) // IDs is one word
	for i, r := range runes {
		ends := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		switch {
		case r == '_':
		case i == 0 || runes[i-1] == '_':
			words++
		case unicode.IsUpper(r) && (!unicode.IsUpper(runes[i-1]) || ends):
			words++
		}
	}
	return max(1, words)
}

// The project's word list: what the comments are to do without, as
// docs/development.md describes. Plain words count in any case, names of the code
// as they are written.
var (
	plainWords = []string{
		// A comment's subject is the function, the value or a role that has a name.
		`whoever`, `nobody`, `somebody`, `of ours`, `what came of`, `persons?`,
		// Metaphors, and words to which only this project gives their meaning.
		`announcers?`, `buried`, `climb(?:s|ed|ing)?`, `crowded`, `custody`, `custodians?`, `desks?`, `distort(?:s|ed)?`, `drawers?`,
		`foreign`, `glances?`, `heirs?`, `judg(?:es?|ed|ing|e?ment)`, `ladders?`, `lenient`, `overtaken`, `retrac(?:es?|ed|ing)`, `rooms?`,
		`standing`, `stranded`, `suspicious`, `tidy`, `unopenable`, `unseen`, `unsettled`,
	}
	codeNames = []string{
		`AccessHeld`, `Begun`, `BegunBefore`, `ClientWrong`, `GrantDead`, `SpentBefore`, `StartedBy`, `Unspent`, `askWorker`, `atTemporal`, `atVault`, `cameOf`,
		`forMachines`, `graceOf`, `handOver`, `lastLook`, `mindEscrow`, `noAnswer`, `noWord`, `stacktest`, `tellOverdue`, `untilTold`, `withoutWord`, `worthSaying`,
	}
	// ordinary takes out a listed word in its ordinary meaning, or in a defined term.
	ordinary    = regexp.MustCompile(`(?i)\brecovery ladders?\b|\b(?:leaves?|makes?|has|have) room\b|\broom (?:for|to)\b`)
	privateWord = regexp.MustCompile(`(?i:\b(?:` + strings.Join(plainWords, "|") + `)\b)|\b(?:` + strings.Join(codeNames, "|") + `)\b`)
)

// privateWords finds those of one comment, a phrase also where a line ends
// within it.
func privateWords(set *token.FileSet, group *ast.CommentGroup) (found []foundWord) {
	var text strings.Builder
	var starts []int // where in the text each line of the comment starts
	for _, comment := range group.List {
		for line := range strings.SplitSeq(comment.Text, "\n") {
			starts = append(starts, text.Len())
			text.WriteString(strings.Join(strings.Fields(strings.Trim(line, "/* \t")), " ") + " ")
		}
	}
	prose := ordinary.ReplaceAllStringFunc(text.String(), func(s string) string { return strings.Repeat("-", len(s)) })
	begin := set.Position(group.Pos())
	for _, at := range privateWord.FindAllStringIndex(prose, -1) {
		line, _ := slices.BinarySearch(starts, at[0]+1)
		found = append(found, foundWord{begin.Filename, begin.Line + line - 1, prose[at[0]:at[1]]})
	}
	return found
}
