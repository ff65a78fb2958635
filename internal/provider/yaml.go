package provider

import (
	"errors"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// readEntries finds the providers in the file's syntax tree, which unlike a
// decoded struct still knows every line. Aliases and merges are not followed:
// an entry is to be read where it stands.
func readEntries(source []byte, found *problems) []entry {
	// Keys stated twice are left to keys below, which goes on after the first.
	file, err := parser.ParseBytes(source, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		found.addSyntax(err)
		return nil
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		found.add(1, `the file must be one YAML document with "providers:"`)
		return nil
	}
	var entries []entry
	top := node{file.Docs[0].Body}
	for _, section := range top.keys("the file", 1, found) {
		if section.key != "providers" {
			found.add(section.line, "%q is not a key of this file; it has only \"providers\"", section.key)
			continue
		}
		for _, p := range section.value.keys("providers", section.line, found) {
			entries = append(entries, entry{
				name:   p.key,
				line:   p.line,
				fields: p.value.keys("provider \""+p.key+"\"", p.line, found),
			})
		}
	}
	return entries
}

// addSyntax tells a parser's error with its line and without its excerpt of the
// file.
func (p *problems) addSyntax(err error) {
	line, text := 1, "not readable as YAML"
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		text += ": " + syntax.GetMessage()
		if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
			line = tk.Position.Line
		}
	}
	p.add(line, "%s", text)
}

// node is a value of the file.
type node struct{ ast.Node }

// keys lists the keys of a map in their order, each once. what and line say
// whose they are, for the problem that it is no map or an empty one.
func (n node) keys(what string, line int, found *problems) []field {
	m, ok := n.Node.(ast.MapNode)
	if !ok {
		found.add(line, "%s must be a map of keys to values", what)
		return nil
	}
	var fields []field
	firstAt := map[string]int{}
	for i := m.MapRange(); i.Next(); {
		tk := i.Key().GetToken()
		key, at := tk.Value, tk.Position.Line
		if first, twice := firstAt[key]; twice {
			found.add(at, "%s has the key %q twice, first in line %d", what, key, first)
			continue
		}
		firstAt[key] = at
		fields = append(fields, field{key: key, line: at, value: node{i.Value()}})
	}
	if len(fields) == 0 {
		found.add(line, "%s states nothing", what)
	}
	return fields
}
