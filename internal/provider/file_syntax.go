package provider

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// entry is what the file says of one provider or account.
type entry struct {
	name   string
	line   int
	fields []field
}

// first is the first field with one of these keys.
func (e entry) first(keys ...string) (field, bool) {
	i := slices.IndexFunc(e.fields, func(f field) bool { return slices.Contains(keys, f.key) })
	if i < 0 {
		return field{}, false
	}
	return e.fields[i], true
}

// field is one key of a map with its value, not yet read.
type field struct {
	key   string
	line  int
	value node
}

// readSections finds the providers and accounts in the file's syntax tree, which unlike a
// decoded struct has every line. Aliases and merges are refused, so that an entry is
// complete where it stands.
func readSections(source []byte, found *problems) (providers, accounts []entry) {
	const wanted = `the file must be one YAML document with "providers:" or "accounts:"`
	// node.fields reports duplicate keys, and goes on after the first.
	file, err := parser.ParseBytes(source, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		found.addSyntax(err)
		return nil, nil
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		found.add(1, wanted)
		return nil, nil
	}
	sections, err := node{file.Docs[0].Body}.fields()
	found.addAll(1, "the file", err)
	for _, section := range sections {
		switch section.key {
		case "providers":
			providers = readEntries("provider", section, found)
		case "accounts":
			accounts = readEntries("account", section, found)
		default:
			found.add(section.line, `%.60q is not a key of this file; it has "providers" and "accounts"`, section.key)
		}
	}
	return providers, accounts
}

// readEntries reads a section's map of names to entries.
func readEntries(kind string, section field, found *problems) []entry {
	named, err := section.value.fields()
	found.addAll(section.line, section.key, err)
	entries := make([]entry, 0, len(named))
	for _, one := range named {
		fields, err := one.value.fields()
		found.addAll(one.line, fmt.Sprintf("%s %.60q", kind, one.key), err)
		entries = append(entries, entry{name: one.key, line: one.line, fields: fields})
	}
	return entries
}

// fields lists the keys of a map in their order, each once, beside an error for what is
// wrong with it; see [problems.addAll].
func (n node) fields() ([]field, error) {
	m, ok := n.Node.(ast.MapNode)
	if !ok {
		return nil, errors.New("must be a map of keys to values")
	}
	var (
		fields  []field
		errs    []error
		firstAt = map[string]int{}
	)
	for i := m.MapRange(); i.Next(); {
		tk := i.Key().GetToken()
		key, at := tk.Value, tk.Position.Line
		if first, twice := firstAt[key]; twice {
			errs = append(errs, located{at, fmt.Errorf("has the key %.60q twice, first in line %d", key, first)})
			continue
		}
		firstAt[key] = at
		fields = append(fields, field{key: key, line: at, value: node{i.Value()}})
	}
	if len(fields) == 0 {
		errs = append(errs, errors.New("states nothing"))
	}
	return fields, errors.Join(errs...)
}

// problems collects everything that is wrong with a file.
type problems struct {
	file string
	list []problem
}

type problem struct {
	line int
	text string
}

// located is an error at a line of its own, inside a value.
type located struct {
	line int
	error
}

func (p *problems) add(line int, format string, args ...any) {
	p.list = append(p.list, problem{line: line, text: fmt.Sprintf(format, args...)})
}

// addAll adds the errors that are joined in err, if any, as the ends of sentences about
// what stands in the given line.
func (p *problems) addAll(line int, what string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			p.addAll(line, what, one)
		}
		return
	}
	if inside, ok := err.(located); ok {
		line = inside.line
	}
	p.add(line, "%s %v", what, err)
}

// addSyntax adds a parser's error with its line and without its excerpt of the
// file.
func (p *problems) addSyntax(err error) {
	line, text := 1, "not readable as YAML"
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		text += fmt.Sprintf(": %.100s", shown(syntax.GetMessage()))
		if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
			line = tk.Position.Line
		}
	}
	p.add(line, "%s", text)
}

// shown makes a text harmless to a terminal.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// err has one line for each problem, in the file's order; nil without any.
func (p *problems) err() error {
	slices.SortStableFunc(p.list, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	errs := make([]error, 0, len(p.list))
	for _, one := range p.list {
		errs = append(errs, fmt.Errorf("%s:%d: %s", p.file, one.line, one.text))
	}
	return errors.Join(errs...)
}
