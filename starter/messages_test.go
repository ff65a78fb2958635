package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	// named is a command of this program in a message, up to what ends a sentence.
	named = regexp.MustCompile(`\bstarter((?: (?:[a-z]+|--[a-z-]+|[A-Z]+|%[a-z]|[a-z0-9-]+|<[a-z]+>))+)`)
	// words are the parts of a command that is put together in code.
	flags = regexp.MustCompile(`^--[a-z-]+$`)
)

// Each command that a message, a help text or a comment of the product names is one that
// this program has, with flags that it has.
func TestEveryCommandThatAMessageNamesIsOne(t *testing.T) {
	found := 0
	for file, text := range texts(t) {
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			words := strings.Fields(match[1])
			if !isSubcommand(words[0]) {
				require.NotRegexp(t, `^(keys|start|stop|status|refresh|import|authorize|revoke|migrate|doctor|recover|schedule|probe|forecast)$`, words[0], "%s: %s", file, text)
				continue
			}
			found++
			wantCommand(t, words, file+": "+text)
		}
	}
	require.Greater(t, found, 30, "the messages are no longer found")
}

// The same for what is put together by [command] and [target.command].
func TestEveryCommandThatIsPutTogetherIsOne(t *testing.T) {
	found := 0
	for _, path := range productFiles(t, ".") {
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 || !isCommandCall(call.Fun) {
				return true
			}
			var words []string
			for _, arg := range call.Args {
				literal, ok := arg.(*ast.BasicLit)
				if !ok {
					words = append(words, "VALUE")
					continue
				}
				word, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				words = append(words, word)
			}
			if words[0] != "VALUE" {
				found++
				wantCommand(t, words, path)
			}
			return true
		})
	}
	require.Greater(t, found, 20, "the commands are no longer found")
}

func isCommandCall(fun ast.Expr) bool {
	switch f := fun.(type) {
	case *ast.Ident:
		return f.Name == "command"
	case *ast.SelectorExpr:
		return f.Sel.Name == "command" || f.Sel.Name == "Command"
	}
	return false
}

func isSubcommand(word string) bool {
	for _, cmd := range newRoot(nil).Commands() {
		if cmd.Name() == word {
			return true
		}
	}
	return false
}

// wantCommand wants a command with the flags among the words.
func wantCommand(t *testing.T, words []string, where string) {
	t.Helper()
	cmd, _, err := newRoot(nil).Find(words)
	require.NoError(t, err, where)
	require.NotEqual(t, "starter", cmd.Name(), "%q is no command; %s", words, where)
	for _, word := range words {
		if flags.MatchString(word) && word != "--help" {
			require.NotNil(t, cmd.Flags().Lookup(word[2:]), "starter %s has no %s; %s", cmd.Name(), word, where)
		}
	}
}

// productFiles are the product's files in a folder and below.
func productFiles(t *testing.T, dir string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testenv" || d.Name() == "sim" || d.Name() == "testdata"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			paths = append(paths, path)
		}
		return nil
	}))
	return paths
}

// texts are the product's string literals, by place.
func texts(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range []string{".", "../worker", "../workflows", "../activities", "../internal"} {
		for _, path := range productFiles(t, dir) {
			set := token.NewFileSet()
			tree, err := parser.ParseFile(set, path, nil, 0)
			require.NoError(t, err)
			ast.Inspect(tree, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					text, err := strconv.Unquote(literal.Value)
					require.NoError(t, err)
					all[set.Position(literal.Pos()).String()] = text
				}
				return true
			})
		}
	}
	return all
}

func TestAProgramIsNamedAsItWasCalled(t *testing.T) {
	for first, want := range map[string]string{
		"starter": "starter", "/usr/local/bin/starter": "starter", "./token-keeper": "token-keeper", `/opt/token keeper/my starter`: "'my starter'",
		"/tmp/go-build123/b001/exe/starter": "go run ./starter", "/cache/go-build/exe/starter": "go run ./starter",
		"starter.exe": "starter", "/opt/exe/starter": "starter", "": "starter",
	} {
		require.Equal(t, want, called(first, "starter"), first)
	}
}
