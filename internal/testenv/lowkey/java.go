package lowkey

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minJava is the release that Lowkey Vault 7 is compiled for.
const minJava = 25

// FindJava returns the first Java that Lowkey Vault runs on: JAVA_HOME's, the one on
// PATH, and those where Linux distributions and macOS keep theirs.
func FindJava(ctx context.Context) (string, error) {
	var tooOld []string
	for _, path := range javas(ctx) {
		printed, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
		if err != nil {
			continue // not installed, or the placeholder of macOS
		}
		release, known := javaRelease(string(printed))
		if known && release >= minJava {
			return path, nil
		}
		if known && !slices.Contains(tooOld, strconv.Itoa(release)) {
			tooOld = append(tooOld, strconv.Itoa(release))
		}
	}
	has := "none"
	if len(tooOld) > 0 {
		has = strings.Join(tooOld, " and ")
	}
	return "", fmt.Errorf("no Java for Lowkey Vault, which needs %d or later, and there is %s; install one and set JAVA_HOME", minJava, has)
}

func javas(ctx context.Context) []string {
	var paths []string
	if home := os.Getenv("JAVA_HOME"); home != "" {
		paths = append(paths, filepath.Join(home, "bin", "java"))
	}
	paths = append(paths, "java")
	installed, _ := filepath.Glob("/usr/lib/jvm/*/bin/java") // fails on a malformed pattern alone
	paths = append(paths, installed...)
	if home, err := exec.CommandContext(ctx, "/usr/libexec/java_home", "-v", strconv.Itoa(minJava)+"+").Output(); err == nil {
		paths = append(paths, filepath.Join(strings.TrimSpace(string(home)), "bin", "java"))
	}
	return paths
}

var javaVersion = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// javaRelease reads the feature release in the output of "java -version":
// 25 of "25.0.3", 8 of "1.8.0_392".
func javaRelease(printed string) (release int, known bool) {
	found := javaVersion.FindStringSubmatch(printed)
	if found == nil {
		return 0, false
	}
	release, err := strconv.Atoi(found[1])
	return release, err == nil
}
