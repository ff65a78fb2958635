package config_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"tokenkeeper/internal/config"
)

// FuzzConfiguration gives each value to every variable that takes an address, a number
// or a choice. What is wrong is told as problems that do not show a password, and what
// is taken is an address without one.
func FuzzConfiguration(f *testing.F) {
	for _, seed := range []string{
		"", "https://my-vault.vault.azure.net/", "https://me:canary-7h3x@vault.example", "HTTPS://x?canary-7h3x", "https://[::1]:8443",
		"127.0.0.1:8085", ":99999", "off", "managed", "40s", "1e309", "NaN", "-1", "true", "http2debug=2", "dns:///a:1", "%zz", "\x00",
	} {
		f.Add(seed)
	}
	f.Setenv("XDG_CONFIG_HOME", f.TempDir())
	f.Setenv("HOME", f.TempDir())
	f.Fuzz(func(t *testing.T, value string) {
		for _, v := range append(append(config.WorkerVariables(), config.SharedVariables()...), config.Variable{Name: "TEMPORAL_ADDRESS"}, config.Variable{Name: "GODEBUG"}) {
			if strings.HasSuffix(v.Name, "_FILE") || v.Name == "TOKENKEEPER_PROVIDERS" {
				continue // reads the machine's files
			}
			worker, err := config.LoadWorker(with(map[string]string{v.Name: value}))
			var wrong *config.Error
			switch {
			case err == nil:
				if u, err := url.Parse(worker.Vault.URL); err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
					t.Errorf("%s=%q gives the address %q", v.Name, value, worker.Vault.URL)
				}
			case !errors.As(err, &wrong):
				t.Errorf("%s=%q: %v is no list of problems", v.Name, value, err)
			default:
				for _, problem := range wrong.Problems {
					if !strings.HasPrefix(problem, "TOKENKEEPER_") && !strings.HasPrefix(problem, "KEY_VAULT_URL ") && !strings.HasPrefix(problem, v.Name) && !strings.HasPrefix(problem, "TEMPORAL_") {
						t.Errorf("%s=%q: %q names no variable", v.Name, value, problem)
					}
					if strings.HasSuffix(v.Name, "_URL") && strings.Contains(problem, "canary-7h3x") {
						t.Errorf("%s: %q shows a password", v.Name, problem)
					}
				}
			}
		}
	})
}
