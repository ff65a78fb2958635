package campaign

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/process"
)

// vaultServer is the simulated vault as the campaign reaches behind its API.
type vaultServer interface {
	Versions(name string) []keyvault.Version
	Put(name, value string) (version string, err error)
	Inject(keyvault.Fault)
	ClearFaults()
}

// vaultProcess is the simulator as a process of its own, which keeps its content in
// a file and can be killed. While it is away the methods wait for it.
type vaultProcess struct {
	binary, address, data, certificate string
	client                             *http.Client

	mu      sync.Mutex
	running *process.Process
	faults  []keyvault.Fault // a process that is started again knows none
}

// vaultAwayFor is how long the methods wait.
const vaultAwayFor = 30 * time.Second

// startVault builds and runs a vault on a free port, with its files in dir.
func startVault(ctx context.Context, dir string) (*vaultProcess, error) {
	v := &vaultProcess{
		binary: filepath.Join(dir, "simkeyvault"), data: filepath.Join(dir, "vault.json"), certificate: filepath.Join(dir, "vault-process.pem"),
	}
	if err := runTool(ctx, "go", "build", "-o", v.binary, "tokenkeeper/internal/sim/cmd/simkeyvault"); err != nil {
		return nil, err
	}
	ports, err := process.FreePorts(1)
	if err != nil {
		return nil, err
	}
	v.address = fmt.Sprintf("127.0.0.1:%d", ports[0])
	if err := v.restart(ctx); err != nil {
		return nil, errors.Join(err, v.stop())
	}
	return v, nil
}

func (v *vaultProcess) url() string { return "https://" + v.address }

// environment points a worker of a system, or the baseline, at this vault.
func (v *vaultProcess) environment() []string {
	return []string{"KEY_VAULT_URL=" + v.url(), "TOKENKEEPER_KEY_VAULT_CA_FILE=" + v.certificate}
}

// kill ends the process with SIGKILL.
func (v *vaultProcess) kill() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running.Kill()
}

// restart runs the process on its data, with the faults that are set.
func (v *vaultProcess) restart(ctx context.Context) (err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running, err = process.Run("the vault", v.binary, []string{"-listen", v.address, "-data", v.data, "-cert-file", v.certificate}, os.Environ(), nil)
	if err != nil {
		return err
	}
	err = v.running.Await(ctx, func(context.Context) error {
		pem, err := os.ReadFile(v.certificate)
		if err != nil {
			return err
		}
		if v.client == nil {
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(pem)
			v.client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
		}
		return v.request(http.MethodGet, "/_sim/counts", nil, nil)
	})
	if err != nil {
		return err
	}
	return v.persist(v.sendFaults)
}

func (v *vaultProcess) stop() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running == nil {
		return nil // it never started
	}
	return v.running.Stop(process.StopWithin)
}

// Versions are those under a name, oldest first; none where the vault stays away.
func (v *vaultProcess) Versions(name string) (versions []keyvault.Version) {
	_ = v.persist(func() error { return v.request(http.MethodGet, "/_sim/secrets/"+name, nil, &versions) })
	return versions
}

// Put writes a value as an operator does by hand.
func (v *vaultProcess) Put(name, value string) (string, error) {
	var written struct{ Version string }
	err := v.persist(func() error {
		return v.request(http.MethodPut, "/_sim/secrets/"+name, map[string]string{"value": value}, &written)
	})
	return written.Version, err
}

// Inject adds a fault.
func (v *vaultProcess) Inject(f keyvault.Fault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = append(v.faults, f)
	_ = v.sendFaults() // a vault that is away is told when it is back
}

// ClearFaults ends all faults.
func (v *vaultProcess) ClearFaults() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = nil
	_ = v.sendFaults()
}

// sendFaults has the process make these faults and no others.
func (v *vaultProcess) sendFaults() error {
	if err := v.request(http.MethodDelete, "/_sim/faults", nil, nil); err != nil {
		return err
	}
	for _, f := range v.faults {
		if err := v.request(http.MethodPost, "/_sim/faults", map[string]any{
			"kind": f.Kind, "operation": f.Operation, "name": f.Name, "times": f.Times,
			"delay_before": f.DelayBefore.String(), "delay_after": f.DelayAfter.String(),
		}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (v *vaultProcess) persist(do func() error) error {
	patience := time.Now().Add(vaultAwayFor)
	for {
		err := do()
		if err == nil || time.Now().After(patience) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (v *vaultProcess) request(method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, v.url()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := v.client.Do(request)
	if err != nil {
		return fmt.Errorf("the vault process: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("the vault process: %s %s: %s", method, path, answer.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(out)
}

// versions are those of an account's refresh token in the campaign's vault.
func (c *campaign) versions(account string) []keyvault.Version {
	return c.vault.Versions(testenv.SecretName(account, "RefreshToken"))
}

// held is the current refresh token; empty for none.
func (c *campaign) held(account string) string {
	versions := c.versions(account)
	if len(versions) == 0 {
		return ""
	}
	return versions[len(versions)-1].Value
}

// isLost reports whether the token that the vault holds is neither the provider's
// live one nor would it still be answered with the live one.
func (c *campaign) isLost(account string) bool {
	held := c.held(account)
	return !c.Provider.IsLive(held) && !c.Provider.Replayable(held)
}
