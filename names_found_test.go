package tokenkeeper_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/telemetry"
)

var (
	variableForm = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`)
	wireForm     = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)+$`)
	wordForm     = regexp.MustCompile(`^[A-Za-z]+(-[a-z]+)*$`)
)

// addConstants adds what its form gives away: environment variables, and words of
// protocols and of the providers file, such as client_id and token_url.
func addConstants(all names, s *source) {
	for _, value := range s.info.Types {
		if value.Value == nil || value.Value.Kind() != constant.String {
			continue
		}
		switch text := constant.StringVal(value.Value); {
		case variableForm.MatchString(text):
			all.add("env", text)
		case wireForm.MatchString(text):
			all.add("wire", text)
		}
	}
}

// addFields adds what fields are tagged with: JSON names and, where a field is
// only given single words, the words; environment variables and their defaults.
func addFields(all names, s *source) {
	for expr := range s.info.Types {
		structure, ok := expr.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range structure.Fields.List {
			tag := tagOf(field)
			name, _, _ := strings.Cut(tag.Get("json"), ",")
			all.add("json", name)
			all.add("env", tag.Get("env"))
			if standard := tag.Get("envDefault"); standard != "" {
				all.add("env-default", tag.Get("env")+"="+standard)
			}
			for _, id := range field.Names {
				if words := s.values(s.variable(id)); name != "" && !slices.ContainsFunc(words, func(w string) bool { return !wordForm.MatchString(w) }) {
					all.add("json-value", prefixed(name+"=", words)...)
				}
			}
		}
	}
}

// addObjects adds the names of each JSON object together.
func addObjects(all names, s *source) {
	for _, object := range s.info.Defs {
		named, ok := object.(*types.TypeName)
		if !ok {
			continue
		}
		structure, ok := named.Type().Underlying().(*types.Struct)
		if !ok {
			continue
		}
		for i := range structure.NumFields() {
			if reflect.StructTag(structure.Tag(i)).Get("json") != "" {
				all.add("object", strings.Join(objectOf(structure), ","))
				break
			}
		}
	}
}

// objectOf are the names of a JSON object, with a question mark where one may be
// left out. What a struct embeds is part of it.
func objectOf(structure *types.Struct) (all []string) {
	for i := range structure.NumFields() {
		field := structure.Field(i)
		name, options, _ := strings.Cut(reflect.StructTag(structure.Tag(i)).Get("json"), ",")
		inner, isStruct := deref(field.Type()).Underlying().(*types.Struct)
		switch {
		case name == "" && field.Embedded() && isStruct:
			all = append(all, objectOf(inner)...)
		case name == "-" || !field.Exported():
		default:
			if name == "" {
				name = field.Name()
			}
			if strings.Contains(options, "omit") {
				name += "?"
			}
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

func prefixed(prefix string, words []string) (all []string) {
	for _, word := range words {
		all = append(all, prefix+word)
	}
	return all
}

// registry notes under which names activities are registered.
type registry names

func (r registry) RegisterActivityWithOptions(_ any, options activity.RegisterOptions) {
	names(r).add("activity", options.Name)
}

func addActivities(all names) {
	activities.New(activities.Dependencies{Providers: provider.Builtin()}).Register(registry(all))
}

// addMetrics measures once all that there is to measure, and reads from the page
// what Prometheus would see. Which argument becomes which label shows in the
// labels' values; what those may be in earnest, the source tells.
func addMetrics(t *testing.T, all names, s *source) {
	t.Helper()
	tel, err := telemetry.New(t.Context(), telemetry.Options{Output: io.Discard})
	require.NoError(t, err)
	given := map[string]*types.Var{}
	measures := reflect.TypeOf(tel)
	declared := s.checked[measures.Elem().PkgPath()].Scope().Lookup(measures.Elem().Name()).Type()
	for i := range measures.NumMethod() {
		method := measures.Method(i)
		if method.Type.NumOut() > 0 || method.Type.NumIn() < 3 || method.Type.In(1) != reflect.TypeFor[context.Context]() {
			continue
		}
		object, _, _ := types.LookupFieldOrMethod(types.NewPointer(declared), true, nil, method.Name)
		arguments := []reflect.Value{reflect.ValueOf(tel), reflect.ValueOf(t.Context())}
		for in := 2; in < method.Type.NumIn(); in++ {
			arguments = append(arguments, example(method.Type.In(in), object.(*types.Func).Signature().Params().At(in-1), given))
		}
		method.Func.Call(arguments)
	}

	page := httptest.NewRecorder()
	tel.Handler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(page.Body)
	require.NoError(t, err)
	for name, family := range families {
		if !strings.HasPrefix(name, "tokenkeeper_") {
			continue
		}
		all.add("metric", name)
		for _, label := range family.GetMetric()[0].GetLabel() {
			all.add("label", name+" "+label.GetName())
			if v := given[label.GetValue()]; v != nil {
				for _, value := range s.values(v) {
					all.add("label-value", label.GetName()+"="+strings.ReplaceAll(value, " ", "_"))
				}
			}
		}
	}
}

// example is a value for a variable; where it is a text, one that is noted as
// given to the variable.
func example(t reflect.Type, v *types.Var, given map[string]*types.Var) reflect.Value {
	made := reflect.New(t).Elem()
	switch {
	case t == reflect.TypeFor[time.Time]():
		made.Set(reflect.ValueOf(time.Now().Add(time.Hour)))
	case t.Kind() == reflect.String:
		mark := fmt.Sprintf("example%d", len(given))
		given[mark] = v
		made.SetString(mark)
	case t.Kind() == reflect.Bool:
		made.SetBool(true)
	case t.Kind() == reflect.Slice:
		element := types.NewVar(v.Pos(), v.Pkg(), v.Name(), v.Type().Underlying().(*types.Slice).Elem())
		made = reflect.Append(made, example(t.Elem(), element, given))
	case t.Kind() == reflect.Struct:
		structure := v.Type().Underlying().(*types.Struct)
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				made.Field(i).Set(example(t.Field(i).Type, structure.Field(i), given))
			}
		}
	}
	return made
}

var (
	commandRow = regexp.MustCompile(`(?m)^  ([a-z-]+) {2,}\S`)
	flagRow    = regexp.MustCompile(`(?m)^ +(?:-\w, | {4})--([a-z-]+)`)
)

// addCommands asks a program for its help, and for that of each of its commands.
func addCommands(t *testing.T, all names, program, command string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append(strings.Fields(command)[1:], "--help")...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	help, err := cmd.CombinedOutput()
	require.NoError(t, err, string(help))
	all.add("command", command)
	_, flags, _ := strings.Cut(string(help), "\nFlags:\n")
	for _, row := range flagRow.FindAllStringSubmatch(flags, -1) {
		if row[1] != "help" {
			all.add("flag", command+" --"+row[1])
		}
	}
	_, commands, _ := strings.Cut(string(help), "\nAvailable Commands:\n")
	commands, _, _ = strings.Cut(commands, "\n\n")
	for _, row := range commandRow.FindAllStringSubmatch(commands, -1) {
		if row[1] != "help" {
			addCommands(t, all, program, command+" "+row[1])
		}
	}
}

func build(t *testing.T, program string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), filepath.Base(program))
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, program).CombinedOutput()
	require.NoError(t, err, string(output))
	return binary
}
