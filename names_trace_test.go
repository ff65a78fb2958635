package tokenkeeper_test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reaching are the string constants that may reach a library's parameter or field,
// written as "go.temporal.io/sdk/temporal.NewApplicationError errType" and
// "(go.temporal.io/sdk/client.Client).SignalWorkflow signalName". What is put
// together at run time has * in the place of what is not known.
func (s *source) reaching(t *testing.T, place string) []string {
	t.Helper()
	return s.values(s.find(t, place))
}

// keysReaching are the keys of the maps that may reach a field.
func (s *source) keysReaching(t *testing.T, place string) []string {
	t.Helper()
	return s.trace(func(r *trace) { r.variable(s.find(t, place), true) })
}

func (s *source) values(v *types.Var) []string {
	return s.trace(func(r *trace) { r.variable(v, false) })
}

var placeForm = regexp.MustCompile(`^\(?([^()]*)\.(\w+)(?:\)\.(\w+))? (\w+)$`)

// find looks a place up in the package that declares it.
func (s *source) find(t *testing.T, place string) *types.Var {
	t.Helper()
	parts := placeForm.FindStringSubmatch(place)
	require.NotNil(t, parts, place)
	p, err := s.Import(parts[1])
	require.NoError(t, err)
	object := p.Scope().Lookup(parts[2])
	require.NotNil(t, object, place)
	if parts[3] != "" {
		object, _, _ = types.LookupFieldOrMethod(pointerTo(object.Type()), true, p, parts[3])
		require.NotNil(t, object, place)
	}
	if f, ok := object.(*types.Func); ok {
		for v := range f.Signature().Params().Variables() {
			if v.Name() == parts[4] {
				return v
			}
		}
	} else if structure, ok := object.Type().Underlying().(*types.Struct); ok {
		for v := range structure.Fields() {
			if v.Name() == parts[4] {
				return v
			}
		}
	}
	require.Fail(t, "no such parameter or field", place)
	return nil
}

func (s *source) trace(from func(r *trace)) []string {
	r := &trace{s, map[visit]bool{}, map[ast.Expr]bool{}, map[string]bool{}}
	from(r)
	delete(r.found, "")
	return slices.Sorted(maps.Keys(r.found))
}

func TestConstantsAreFoundHoweverTheyFlow(t *testing.T) {
	s := newSource(nil)
	file, err := parser.ParseFile(s.set, "sample.go", `package sample

import ("cmp"; "encoding/pem"; "fmt"; "maps"; "os")

type kind string

const ( first kind = "enumerated 1"; second kind = "enumerated 2" )

type account struct { Name string `+"`json:\"account\"`"+`; note string }

type mover interface { move(to string, tags map[string]string) error }

type mine struct{ m mover }

func (mine) move(to string, tags map[string]string) error {
	pem.Encode(os.Stdout, &pem.Block{Headers: maps.Clone(tags)})
	return os.Rename("not a target", to)
}

func all(m mover, k kind, a account, unknown string) {
	m.move("by an interface", map[string]string{"written at once": unknown})
	tags := map[string]string{}
	tags[cmp.Or(unknown, "a key")] = "no key"
	m.move(string(k), tags)
	m.move(a.Name, nil)
	m.move(account{"from outside", "by a field"}.note, nil)
	suffix := "joined"
	m.move(unknown + "-" + suffix, nil)
	m.move(fmt.Sprintf("%s/%04d.json", unknown, 1), nil)
	named := func(part string) string { return part }
	m.move(named("by a closure"), nil)
	for _, each := range []string{"one of a list"} { m.move(each, nil) }
	what, _ := several()
	m.move(what, nil)
	var later string
	if unknown != "compared" { later = "assigned" }
	rename := os.Rename
	rename(unknown, later)
}

func several() (string, string) { return "first result", "second result" }
`, 0)
	require.NoError(t, err)
	require.NoError(t, s.add("sample", []*ast.File{file}))
	s.connect()
	require.Equal(t, []string{"*-joined", "*/*.json", "assigned", "by a closure", "by a field", "by an interface", "enumerated 1", "enumerated 2", "first result", "one of a list"},
		s.reaching(t, "os.Rename newpath"))
	require.Equal(t, []string{"a key", "written at once"}, s.keysReaching(t, "encoding/pem.Block Headers"))
}

// trace goes back from a variable to the constants that flow into it.
type trace struct {
	*source
	seen   map[visit]bool
	within map[ast.Expr]bool // the texts of which a part is being traced
	found  map[string]bool
}

type visit struct {
	at     any
	result int
	keys   bool
}

func (r *trace) variable(v *types.Var, keys bool) {
	if v == nil || r.opaque[v.Origin()] || !r.first(visit{at: v.Origin(), keys: keys}) {
		return
	}
	v = v.Origin()
	if keys {
		for _, key := range r.keys[v] {
			r.expr(key, 0, false)
		}
	}
	for _, f := range r.flows[v] {
		r.expr(f.expr, f.result, keys || f.keys)
	}
}

func (r *trace) first(v visit) bool {
	seen := r.seen[v]
	r.seen[v] = true
	return !seen
}

func (r *trace) expr(e ast.Expr, result int, keys bool) {
	if !r.first(visit{e, result, keys}) {
		return
	}
	typed := r.info.Types[e]
	if typed.Value != nil {
		if typed.Value.Kind() == constant.String && !keys {
			r.found[constant.StringVal(typed.Value)] = true
		}
		return
	}
	if r.enumerated(typed.Type) {
		return
	}
	switch e := e.(type) {
	case *ast.Ident, *ast.SelectorExpr:
		r.variable(r.source.variable(e), keys)
	case *ast.ParenExpr:
		r.expr(e.X, result, keys)
	case *ast.StarExpr:
		r.expr(e.X, 0, keys)
	case *ast.UnaryExpr:
		r.expr(e.X, 0, keys)
	case *ast.SliceExpr:
		r.expr(e.X, 0, keys)
	case *ast.TypeAssertExpr:
		r.expr(e.X, 0, keys)
	case *ast.IndexExpr:
		r.expr(e.X, 0, keys)
	case *ast.CompositeLit:
		r.elements(e, keys)
	case *ast.BinaryExpr:
		if e.Op == token.ADD && !keys {
			r.concatenation(e)
		}
	case *ast.CallExpr:
		r.call(e, result, keys)
	}
}

// enumerated finds all constants of a string type that has some.
func (r *trace) enumerated(t types.Type) bool {
	named, ok := t.(*types.Named)
	if !ok || named.Obj().Pkg() == nil || r.checked[named.Obj().Pkg().Path()] == nil {
		return false
	}
	words := constantsOf(named)
	for _, word := range words {
		r.found[word] = true
	}
	return len(words) > 0
}

func (r *trace) elements(literal *ast.CompositeLit, keys bool) {
	if _, ok := deref(r.info.TypeOf(literal)).Underlying().(*types.Struct); ok {
		return
	}
	for _, element := range literal.Elts {
		pair, keyed := element.(*ast.KeyValueExpr)
		switch {
		case keyed && keys:
			r.expr(pair.Key, 0, false)
		case keyed:
			r.expr(pair.Value, 0, false)
		default:
			r.expr(element, 0, keys)
		}
	}
}

func (r *trace) concatenation(e *ast.BinaryExpr) {
	for _, left := range r.part(e, e.X) {
		for _, right := range r.part(e, e.Y) {
			r.found[strings.ReplaceAll(left+right, "**", "*")] = true
		}
	}
}

// mostParts bounds what a part of a text may be: a command line has flags in any
// combination, which are no name.
const mostParts = 40

// deepest bounds the texts within texts: a name is put together from few, and a message
// from many.
const deepest = 3

// part is what one part of a text may be; * where nothing is known, or too much. It is traced
// anew, so that the order of the code does not matter.
func (r *trace) part(whole, e ast.Expr) []string {
	switch {
	case r.within[whole]:
		return nil
	case len(r.within) == deepest:
		return []string{"*"}
	}
	r.within[whole] = true
	defer delete(r.within, whole)
	side := &trace{r.source, map[visit]bool{}, r.within, map[string]bool{}}
	side.expr(e, 0, false)
	if len(side.found) == 0 || len(side.found) > mostParts {
		return []string{"*"}
	}
	return slices.Sorted(maps.Keys(side.found))
}

// passing are library functions whose result is, or is made of, their arguments.
var passing = []string{"append", "cmp.Or", "maps.Clone", "maps.Values", "slices.Clone", "slices.Concat", "slices.Insert", "slices.Sorted", "slices.Values",
	"strings.Join", "path/filepath.Join", "(encoding/binary.bigEndian).AppendUint32", "(encoding/binary.bigEndian).AppendUint64", "github.com/Azure/azure-sdk-for-go/sdk/azcore/to.Ptr"}

var verb = regexp.MustCompile(`%[-+# 0]*(\d+|\*)?(\.\d+)?[a-zA-Z]`)

func (r *trace) call(e *ast.CallExpr, result int, keys bool) {
	if r.info.Types[e.Fun].IsType() {
		r.expr(e.Args[0], 0, keys)
		return
	}
	name := ""
	switch function := r.object(e.Fun).(type) {
	case *types.Builtin:
		name = function.Name()
	case *types.Func:
		name = function.FullName()
	}
	switch {
	case name == "fmt.Sprintf":
		for _, format := range r.part(e, e.Args[0]) {
			r.found[verb.ReplaceAllString(format, "*")] = true
		}
	case name == "maps.Keys":
		r.expr(e.Args[0], 0, true)
	case slices.Contains(passing, name):
		for _, argument := range e.Args {
			r.expr(argument, 0, keys)
		}
	default:
		for _, f := range r.called(e) {
			if result < f.Results().Len() {
				r.variable(f.Results().At(result), keys)
			}
		}
	}
}

// constantsOf are the values of the constants of a string type, in its package.
func constantsOf(named *types.Named) (words []string) {
	scope := named.Obj().Pkg().Scope()
	for _, name := range scope.Names() {
		if c, ok := scope.Lookup(name).(*types.Const); ok && types.Identical(c.Type(), named) && c.Val().Kind() == constant.String {
			words = append(words, constant.StringVal(c.Val()))
		}
	}
	return words
}
