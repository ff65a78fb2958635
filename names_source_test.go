package tokenkeeper_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// source is type-checked Go code, and what flows into each of its variables:
// where a value of a parameter, a result, a field or a variable may come from.
// Branches are not told apart. With it a test finds the values that reach a
// library's function, however the code between is named and arranged.
type source struct {
	set      *token.FileSet
	info     *types.Info
	external types.Importer
	checked  map[string]*types.Package
	files    []*ast.File
	flows    map[*types.Var][]flow
	keys     map[*types.Var][]ast.Expr // what a map was given as keys, one by one
	opaque   map[*types.Var]bool       // fields whose values come from outside
	methods  map[string][]*types.Func  // the declared methods by name
}

// flow is where a value comes from. A collection stands for its elements: what
// flows into it flows out of it.
type flow struct {
	expr   ast.Expr
	result int  // which one, where the expression is a call
	keys   bool // not its elements, but their keys
}

// readProgram loads the packages of this module that the named ones are made of.
// Packages of other modules are read from the compiler's export data.
func readProgram(t *testing.T, names ...string) *source {
	t.Helper()
	exports := map[string]string{}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps", "-export", "-json=ImportPath,Export,Dir,GoFiles"}, names...)...)
	cmd.Stderr = t.Output()
	listed, err := cmd.Output()
	require.NoError(t, err)
	s := newSource(func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for decoder := json.NewDecoder(bytes.NewReader(listed)); ; {
		var p struct {
			ImportPath, Export, Dir string
			GoFiles                 []string
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		exports[p.ImportPath] = p.Export
		if !strings.HasPrefix(p.ImportPath, module+"/") {
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(s.set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			files = append(files, file)
		}
		require.NoError(t, s.add(p.ImportPath, files)) // dependencies come first
	}
	s.connect()
	return s
}

func newSource(exports importer.Lookup) *source {
	set := token.NewFileSet()
	return &source{
		set: set, external: importer.ForCompiler(set, "gc", exports),
		info: &types.Info{
			Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		},
		checked: map[string]*types.Package{}, flows: map[*types.Var][]flow{}, keys: map[*types.Var][]ast.Expr{},
		opaque: map[*types.Var]bool{}, methods: map[string][]*types.Func{},
	}
}

// Import gives packages of this module as they were checked from source, so that
// their variables are the same everywhere.
func (s *source) Import(path string) (*types.Package, error) {
	if p := s.checked[path]; p != nil {
		return p, nil
	}
	return s.external.Import(path)
}

func (s *source) add(path string, files []*ast.File) error {
	config := types.Config{Importer: s}
	p, err := config.Check(path, s.set, files, s.info)
	s.checked[path] = p
	s.files = append(s.files, files...)
	return err
}

// connect fills flows. Calls come last, and twice: which function a variable
// holds may itself have come by a call.
func (s *source) connect() {
	for _, object := range s.info.Defs {
		if f, ok := object.(*types.Func); ok && f.Signature().Recv() != nil {
			s.methods[f.Name()] = append(s.methods[f.Name()], f)
		}
	}
	for _, methods := range s.methods {
		slices.SortFunc(methods, func(a, b *types.Func) int { return int(a.Pos() - b.Pos()) })
	}
	for _, file := range s.files {
		s.walk(file, nil)
	}
	for range 2 {
		for _, file := range s.files {
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					s.pass(call)
				}
				return true
			})
		}
	}
}

// walk notes what the statements of one function assign, and then those of the
// functions within it.
func (s *source) walk(root ast.Node, within *types.Signature) {
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				s.walk(n.Body, s.info.Defs[n.Name].(*types.Func).Signature())
			}
			return false
		case *ast.FuncLit:
			s.walk(n.Body, s.info.TypeOf(n).(*types.Signature))
			return false
		case *ast.AssignStmt:
			s.assign(n.Lhs, n.Rhs)
		case *ast.ValueSpec:
			var names []ast.Expr
			for _, name := range n.Names {
				names = append(names, name)
			}
			s.assign(names, n.Values)
		case *ast.RangeStmt:
			s.let(n.Key, flow{expr: n.X, keys: true})
			s.let(n.Value, flow{expr: n.X})
		case *ast.ReturnStmt:
			for i, value := range n.Results {
				if len(n.Results) == within.Results().Len() {
					s.link(within.Results().At(i), flow{expr: value})
				}
			}
			for i := range within.Results().Len() {
				if len(n.Results) == 1 && within.Results().Len() > 1 {
					s.link(within.Results().At(i), flow{expr: n.Results[0], result: i})
				}
			}
		case *ast.CompositeLit:
			s.fill(n)
		case *ast.StructType:
			for _, field := range n.Fields.List {
				if name, _, _ := strings.Cut(tagOf(field).Get("json"), ","); slices.Contains([]string{"account", "provider", "secretsOf"}, name) {
					for _, id := range field.Names {
						s.opaque[s.info.Defs[id].(*types.Var)] = true
					}
				}
			}
		}
		return true
	})
}

// fill notes the fields of a struct's literal.
func (s *source) fill(literal *ast.CompositeLit) {
	structure, ok := deref(s.info.TypeOf(literal)).Underlying().(*types.Struct)
	for i, element := range literal.Elts {
		switch pair, keyed := element.(*ast.KeyValueExpr); {
		case !ok:
		case keyed:
			s.let(pair.Key, flow{expr: pair.Value})
		default:
			s.link(structure.Field(i), flow{expr: element})
		}
	}
}

func (s *source) assign(to, from []ast.Expr) {
	for i, target := range to {
		switch {
		case len(from) == len(to):
			s.let(target, flow{expr: from[i]})
		case len(from) == 1:
			s.let(target, flow{expr: from[0], result: i})
		}
	}
}

// let notes that a value is assigned to what an expression stands for.
func (s *source) let(target ast.Expr, f flow) {
	switch e := target.(type) {
	case *ast.IndexExpr:
		if v := s.variable(e.X); v != nil {
			s.keys[v] = append(s.keys[v], e.Index)
		}
		s.let(e.X, f)
	case *ast.StarExpr:
		s.let(e.X, f)
	case *ast.ParenExpr:
		s.let(e.X, f)
	case nil:
	default:
		s.link(s.variable(target), f)
	}
}

func (s *source) link(v *types.Var, f flow) {
	if v != nil {
		v = v.Origin()
		s.flows[v] = append(s.flows[v], f)
	}
}

// pass notes what a call gives to the parameters of the functions that it may call.
func (s *source) pass(call *ast.CallExpr) {
	for _, f := range s.called(call) {
		params := f.Params()
		for i, argument := range call.Args {
			if at := min(i, params.Len()-1); at >= 0 {
				s.link(params.At(at), flow{expr: argument})
			}
		}
	}
	if f, ok := s.object(call.Fun).(*types.Func); ok && f.FullName() == "maps.Copy" {
		s.let(call.Args[0], flow{expr: call.Args[1]})
	}
}

// called are the functions that a call may reach: the named one, those that the
// interface stands for, or those that the variable holds.
func (s *source) called(call *ast.CallExpr) (all []*types.Signature) {
	fun := ast.Unparen(call.Fun)
	if literal, ok := fun.(*ast.FuncLit); ok {
		return []*types.Signature{s.info.TypeOf(literal).(*types.Signature)}
	}
	switch object := s.object(fun).(type) {
	case *types.Func:
		return s.implementations(object)
	case *types.Var:
		for _, f := range s.flows[object.Origin()] {
			if literal, ok := f.expr.(*ast.FuncLit); ok {
				all = append(all, s.info.TypeOf(literal).(*types.Signature))
			} else if function, ok := s.object(f.expr).(*types.Func); ok && !f.keys {
				all = append(all, s.implementations(function)...)
			}
		}
	}
	return all
}

func (s *source) implementations(f *types.Func) []*types.Signature {
	all := []*types.Signature{f.Origin().Signature()}
	receiver := f.Signature().Recv()
	if receiver == nil || !types.IsInterface(receiver.Type()) {
		return all
	}
	for _, method := range s.methods[f.Name()] {
		own := method.Signature().Recv().Type()
		if !types.IsInterface(own) && types.Implements(pointerTo(own), receiver.Type().Underlying().(*types.Interface)) {
			all = append(all, method.Signature())
		}
	}
	return all
}

// object is what an expression names, without what it is indexed with.
func (s *source) object(e ast.Expr) types.Object {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if defined := s.info.Defs[e]; defined != nil {
			return defined
		}
		return s.info.Uses[e]
	case *ast.SelectorExpr:
		return s.info.Uses[e.Sel]
	case *ast.IndexExpr:
		return s.object(e.X)
	}
	return nil
}

func (s *source) variable(e ast.Expr) *types.Var {
	v, _ := s.object(e).(*types.Var)
	return v
}

func tagOf(field *ast.Field) reflect.StructTag {
	if field.Tag == nil {
		return ""
	}
	return reflect.StructTag(strings.Trim(field.Tag.Value, "`"))
}

func deref(t types.Type) types.Type {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

// pointerTo gives a type all of its methods.
func pointerTo(t types.Type) types.Type {
	if _, ok := t.(*types.Pointer); ok || types.IsInterface(t) {
		return t
	}
	return types.NewPointer(t)
}
