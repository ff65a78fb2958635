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

// product lists the rooms of internal/ that the product is made of.
var product = []string{
	"internal/token", "internal/provider", "internal/seal", "internal/vault", "internal/config", "internal/telemetry",
	"internal/consent",
}

// rooms are the only folders that hold packages, each with the rooms that it
// may import besides itself. Imports point downward only. What stands in for
// the outside world (internal/sim) is for the demo, the campaigns and tests.
var rooms = map[string][]string{
	"internal/token":     {},
	"internal/provider":  {"internal/token"},
	"internal/seal":      {"internal/token"},
	"internal/vault":     {"internal/token", "internal/seal"},
	"internal/config":    {"internal/token"},
	"internal/telemetry": {"internal/token"},
	"internal/consent":   {"internal/token", "internal/provider", "internal/seal", "internal/vault"},
	"internal/sim":       product,

	"activities": product,
	"workflows":  with(product, "activities"),
	"worker":     with(product, "activities", "workflows"),
	"starter":    with(product, "activities", "workflows"),

	"demo":  with(product, "activities", "workflows", "internal/sim"),
	"chaos": with(product, "activities", "workflows", "internal/sim"),
	"bench": with(product, "activities", "workflows", "internal/sim"),
}

// pkg is what "go list -json" says of a package, as far as it matters here.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestPackagesKeepToTheirRooms(t *testing.T) {
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
			"tokenkeeper/internal/token imports tokenkeeper/internal/vault, but internal/token may import none of our rooms"},
		{"an edge does not know the activities",
			pkg{ImportPath: "tokenkeeper/internal/vault/keyvault", Imports: []string{"tokenkeeper/activities"}},
			"tokenkeeper/internal/vault/keyvault imports tokenkeeper/activities, but internal/vault may import only internal/token, internal/seal"},
		{"activities do not know the workflows",
			pkg{ImportPath: "tokenkeeper/activities", Imports: []string{"tokenkeeper/workflows"}},
			"activities may import only"},
		{"the product does not know the stand-ins",
			pkg{ImportPath: "tokenkeeper/worker", Imports: []string{"tokenkeeper/internal/sim/authserver"}},
			"tokenkeeper/worker imports tokenkeeper/internal/sim/authserver"},
		{"tests may use the stand-ins",
			pkg{ImportPath: "tokenkeeper/worker", XTestImports: []string{"tokenkeeper/internal/sim/authserver"}},
			""},
		{"tests point downward as well",
			pkg{ImportPath: "tokenkeeper/internal/seal", XTestImports: []string{"tokenkeeper/workflows"}},
			"tests of tokenkeeper/internal/seal import tokenkeeper/workflows"},
		{"packages of one room may import one another",
			pkg{ImportPath: "tokenkeeper/internal/vault/keyvault", Imports: []string{"tokenkeeper/internal/vault"}},
			""},
		{"the demo may use everything below it",
			pkg{ImportPath: "tokenkeeper/demo", Imports: []string{"tokenkeeper/internal/sim/keyvault", "tokenkeeper/workflows"}},
			""},
		{"other people's packages are free",
			pkg{ImportPath: "tokenkeeper/internal/token", Imports: []string{"crypto/sha256", "tokenkeeperlike/thing"}},
			""},
		{"no other rooms",
			pkg{ImportPath: "tokenkeeper/internal/utils"},
			"tokenkeeper/internal/utils is in no room"},
		{"a room's name is the whole name",
			pkg{ImportPath: "tokenkeeper/workerpool"},
			"tokenkeeper/workerpool is in no room"},
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
// outside the rooms.
func violations(packages []pkg) []string {
	var found []string
	for _, p := range packages {
		room := roomOf(p.ImportPath)
		if room == "" {
			found = append(found, fmt.Sprintf("%s is in no room; put it into one, or add the room to the table in architecture_test.go", p.ImportPath))
			continue
		}
		allowed := rooms[room]
		for _, imported := range p.Imports {
			if !allows(room, allowed, imported) {
				found = append(found, fmt.Sprintf("%s imports %s, but %s may import %s", p.ImportPath, imported, room, only(allowed)))
			}
		}
		inTests := with(allowed, "internal/sim")
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if !allows(room, inTests, imported) {
				found = append(found, fmt.Sprintf("tests of %s import %s, but those of %s may import %s", p.ImportPath, imported, room, only(inTests)))
			}
		}
	}
	return found
}

func allows(room string, allowed []string, imported string) bool {
	if !strings.HasPrefix(imported, module+"/") {
		return true
	}
	target := roomOf(imported)
	return target == room || slices.Contains(allowed, target)
}

// roomOf is the room that a package of ours is in; empty when there is none.
func roomOf(importPath string) string {
	inside := strings.TrimPrefix(importPath, module+"/")
	for room := range rooms {
		if inside == room || strings.HasPrefix(inside, room+"/") {
			return room
		}
	}
	return ""
}

func only(allowed []string) string {
	if len(allowed) == 0 {
		return "none of our rooms"
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
