package tokenkeeper_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "tokenkeeper"

// product lists the layers of internal/ that the product is made of.
var product = []string{
	"internal/token", "internal/provider", "internal/seal", "internal/vault", "internal/config", "internal/telemetry",
	"internal/consent", "internal/window", "internal/probe", "internal/incident", "internal/webhook", "internal/pace",
}

// layers are the only folders that hold packages, each with the layers that it
// may import besides itself. Imports point downward only. The simulators of
// providers and vaults (internal/sim) and what tests run on (internal/testenv) are
// for the demo, the campaigns and tests; a simulator does not know the test
// environment.
var layers = map[string][]string{
	"internal/token":     {},
	"internal/window":    {},
	"internal/incident":  {"internal/token"},
	"internal/pace":      {},
	"internal/webhook":   {"internal/token", "internal/incident"},
	"internal/provider":  {"internal/token"},
	"internal/seal":      {"internal/token"},
	"internal/vault":     {"internal/token", "internal/seal", "internal/provider"},
	"internal/config":    {"internal/token", "internal/provider", "internal/seal", "internal/vault"},
	"internal/telemetry": {"internal/token"},
	"internal/consent":   {"internal/token", "internal/provider", "internal/seal", "internal/vault"},
	"internal/probe":     {"internal/token", "internal/provider"},
	"internal/sim":       product,
	"internal/testenv":   with(product, "internal/sim"),

	"activities": product,
	"workflows":  with(product, "activities"),
	"worker":     with(product, "activities", "workflows"),
	"starter":    with(product, "activities", "workflows"),

	"demo":  with(product, "activities", "workflows", "internal/sim", "internal/testenv"),
	"chaos": with(product, "activities", "workflows", "internal/sim", "internal/testenv"),
	"bench": with(product, "activities", "workflows", "internal/sim", "internal/testenv"),

	"tokens": {}, // for other people's programs: it imports nothing of ours

	"scripts": {}, // programs about the source, which run over other revisions of it as well
}

// pkg is what "go list -json" says of a package, as far as it matters here.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestImportsPointDown(t *testing.T) {
	require.Empty(t, strings.Join(violations(listPackages(t)), "\n"))
}

func TestViolationsAreNamed(t *testing.T) {
	for _, tc := range []struct {
		name string
		pkg  pkg
		want string // part of the one violation; empty means there is none
	}{
		{"the domain imports nothing of ours",
			pkg{ImportPath: "tokenkeeper/internal/token", Imports: []string{"fmt", "tokenkeeper/internal/vault"}},
			"tokenkeeper/internal/token imports tokenkeeper/internal/vault, but internal/token may import none of our layers"},
		{"an edge does not know the activities",
			pkg{ImportPath: "tokenkeeper/internal/vault/keyvault", Imports: []string{"tokenkeeper/activities"}},
			"tokenkeeper/internal/vault/keyvault imports tokenkeeper/activities, but internal/vault may import only internal/token, internal/seal, internal/provider"},
		{"activities do not know the workflows",
			pkg{ImportPath: "tokenkeeper/activities", Imports: []string{"tokenkeeper/workflows"}},
			"activities may import only"},
		{"a simulator does not know the test environment",
			pkg{ImportPath: "tokenkeeper/internal/sim/authserver", Imports: []string{"tokenkeeper/internal/testenv/process"}},
			"tokenkeeper/internal/sim/authserver imports tokenkeeper/internal/testenv/process"},
		{"the product does not know the simulators",
			pkg{ImportPath: "tokenkeeper/worker", Imports: []string{"tokenkeeper/internal/sim/authserver"}},
			"tokenkeeper/worker imports tokenkeeper/internal/sim/authserver"},
		{"tests may use the simulators",
			pkg{ImportPath: "tokenkeeper/worker", XTestImports: []string{"tokenkeeper/internal/sim/authserver"}},
			""},
		{"tests point downward as well",
			pkg{ImportPath: "tokenkeeper/internal/seal", XTestImports: []string{"tokenkeeper/workflows"}},
			"tests of tokenkeeper/internal/seal import tokenkeeper/workflows"},
		{"packages of one layer may import one another",
			pkg{ImportPath: "tokenkeeper/internal/vault/keyvault", Imports: []string{"tokenkeeper/internal/vault"}},
			""},
		{"the demo may use everything below it",
			pkg{ImportPath: "tokenkeeper/demo", Imports: []string{"tokenkeeper/internal/sim/keyvault", "tokenkeeper/workflows"}},
			""},
		{"other people's packages are free",
			pkg{ImportPath: "tokenkeeper/internal/token", Imports: []string{"crypto/sha256", "tokenkeeperlike/thing"}},
			""},
		{"no other layers",
			pkg{ImportPath: "tokenkeeper/internal/utils"},
			"tokenkeeper/internal/utils is in no layer"},
		{"a layer's name is the whole name",
			pkg{ImportPath: "tokenkeeper/workerpool"},
			"tokenkeeper/workerpool is in no layer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found := violations([]pkg{tc.pkg})
			if tc.want == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Contains(t, found[0], tc.want)
		})
	}
}

// violations names every import that does not point downward, and every package
// outside the layers.
func violations(packages []pkg) []string {
	var found []string
	for _, p := range packages {
		layer := layerOf(p.ImportPath)
		if layer == "" {
			found = append(found, fmt.Sprintf("%s is in no layer; put it into one, or add the layer to the table in architecture_test.go", p.ImportPath))
			continue
		}
		allowed := layers[layer]
		for _, imported := range p.Imports {
			if !allows(layer, allowed, imported) {
				found = append(found, fmt.Sprintf("%s imports %s, but %s may import %s", p.ImportPath, imported, layer, only(allowed)))
			}
		}
		inTests := with(allowed, "internal/sim", "internal/testenv")
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if !allows(layer, inTests, imported) {
				found = append(found, fmt.Sprintf("tests of %s import %s, but those of %s may import %s", p.ImportPath, imported, layer, only(inTests)))
			}
		}
	}
	return found
}

func allows(layer string, allowed []string, imported string) bool {
	if !strings.HasPrefix(imported, module+"/") {
		return true
	}
	target := layerOf(imported)
	return target == layer || slices.Contains(allowed, target)
}

// layerOf is the layer that a package of ours is in; empty when there is none.
func layerOf(importPath string) string {
	inside := strings.TrimPrefix(importPath, module+"/")
	for layer := range layers {
		if inside == layer || strings.HasPrefix(inside, layer+"/") {
			return layer
		}
	}
	return ""
}

func only(allowed []string) string {
	if len(allowed) == 0 {
		return "none of our layers"
	}
	return "only " + strings.Join(allowed, ", ")
}

func with(list []string, more ...string) []string { return slices.Concat(list, more) }

// listPackages returns every package with Go code outside tests.
func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	require.NoError(t, err, complaint.String())

	var packages []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if p.ImportPath != module { // the root holds only these tests
			packages = append(packages, p)
		}
	}
	require.NotEmpty(t, packages)
	return packages
}
