package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/config"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	vaultclient "tokenkeeper/internal/vault/keyvault"
	"tokenkeeper/workflows"
)

// The scripts in testdata/keys are sessions about the keyset. Beyond the commands of
// TestScripts there are
//
//	older DURATION          makes every version of the keyset older
//	stranger                puts a keyset that has nothing to do with the present one on top
//	key VARIABLE first|last sets a variable to the number of the first or last added key
//	primary KEY             wants a key to be the primary one of the current version
//	versions N              wants the keyset to have so many versions
//	delete, purge           soft-deletes the keyset, and then purges it
//	backup, restore         keeps the keyset as it is, and puts it back
//	enable|disable N        enables or disables a version, counted from 1
//	run open|ended|completed NAME [QUEUE]
//	                        makes a run of an account whose pair is in its history alone
//	end NAME                ends it
//	unreadable SECRET       denies that a secret is read
//	saves NAME              puts into the vault what the run was issued
func TestKeysScripts(t *testing.T) {
	server := shared.Temporal(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "keys"),
		Setup: func(env *testscript.Env) error {
			namespace := "keys-" + filepath.Base(env.WorkDir)
			env.Setenv("TEMPORAL_ADDRESS", server.Address())
			env.Setenv("TEMPORAL_NAMESPACE", namespace)
			env.Setenv("PATH", env.Getenv("PATH")+string(filepath.ListSeparator)+filepath.Dir(server.CLI()))
			env.Values[outsideKey{}] = &outsides{}
			env.Values[keysetBackup{}] = &keyvault.Backup{}
			return createNamespace(t.Context(), server, namespace)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "eventually": eventually, "outside": surround, "put": putCommand, "no-secret": noSecretIn, "vault-fails": vaultFails,
			"older": olderKeyset, "stranger": strangersKeyset, "key": keyNumber, "primary": primaryKey, "versions": keysetVersions, "delete": deleteKeyset,
			"enable":  func(ts *testscript.TestScript, _ bool, args []string) { setKeyset(ts, args[0], true) },
			"disable": func(ts *testscript.TestScript, _ bool, args []string) { setKeyset(ts, args[0], false) },
			"purge":   purgeKeyset, "backup": backupKeyset, "restore": restoreKeyset,
			"run": sealedRun, "end": endRun, "saves": savePair,
			"unreadable": func(ts *testscript.TestScript, _ bool, args []string) {
				outsideOf(ts).vault.Inject(keyvault.Fault{Kind: keyvault.Denied, Operation: keyvault.OpGet, Name: args[0]})
			},
		},
	})
}

// keyset is what of a keyset's JSON a script compares.
type keyset struct {
	Primary uint32 `json:"primaryKeyId"`
	Keys    []struct {
		ID uint32 `json:"keyId"`
	} `json:"key"`
}

func readKeyset(ts *testscript.TestScript, version keyvault.Version) (k keyset) {
	ts.Check(json.Unmarshal([]byte(version.Value), &k))
	return k
}

func keysetsOf(ts *testscript.TestScript) []keyvault.Version {
	versions := outsideOf(ts).vault.Versions(seal.SecretName)
	if len(versions) == 0 {
		ts.Fatalf("there is no keyset")
	}
	return versions
}

// olderKeyset writes the versions' times back, as if all had happened so much earlier.
func olderKeyset(ts *testscript.TestScript, _ bool, args []string) {
	by, err := time.ParseDuration(args[0])
	ts.Check(err)
	v := outsideOf(ts).vault
	versions := keysetsOf(ts)
	purgeKeyset(ts, false, nil)
	for i := range versions {
		versions[i].Created = versions[i].Created.Add(-by)
	}
	ts.Check(v.Seed(seal.SecretName, versions...))
	for _, version := range versions {
		if !version.Enabled {
			ts.Check(v.SetEnabled(seal.SecretName, version.ID, false))
		}
	}
}

func strangersKeyset(ts *testscript.TestScript, _ bool, _ []string) {
	elsewhere := &memvault.Vault{}
	_, err := seal.New(vault.NewKeysets(elsewhere)).Create(context.Background())
	ts.Check(err)
	_, err = outsideOf(ts).vault.Put(seal.SecretName, elsewhere.All(seal.SecretName)[0].Value.Reveal())
	ts.Check(err)
}

func keyNumber(ts *testscript.TestScript, _ bool, args []string) {
	var order []uint32
	seen := map[uint32]bool{}
	for _, version := range keysetsOf(ts) {
		for _, key := range readKeyset(ts, version).Keys {
			if !seen[key.ID] {
				seen[key.ID] = true
				order = append(order, key.ID)
			}
		}
	}
	id := order[0]
	if args[1] == "last" {
		id = order[len(order)-1]
	}
	ts.Setenv(args[0], strconv.FormatUint(uint64(id), 10))
}

func primaryKey(ts *testscript.TestScript, not bool, args []string) {
	versions := keysetsOf(ts)
	if got := strconv.FormatUint(uint64(readKeyset(ts, versions[len(versions)-1]).Primary), 10); (got == args[0]) == not {
		ts.Fatalf("key %s is the primary one", got)
	}
}

func keysetVersions(ts *testscript.TestScript, _ bool, args []string) {
	if got := strconv.Itoa(len(outsideOf(ts).vault.Versions(seal.SecretName))); got != args[0] {
		ts.Fatalf("the keyset has %s versions, want %s", got, args[0])
	}
}

func deleteKeyset(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(outsideOf(ts).vault.Delete(seal.SecretName))
}

// purgeKeyset leaves nothing of the name, as another vault that never had it.
func purgeKeyset(ts *testscript.TestScript, _ bool, _ []string) {
	empty, err := keyvault.Start(keyvault.Options{})
	ts.Check(err)
	defer empty.Close()
	ts.Check(outsideOf(ts).vault.Restore(empty.Backup(seal.SecretName)))
}

// backupKeyset is az keyvault secret backup, and restoreKeyset az keyvault secret restore.
func backupKeyset(ts *testscript.TestScript, _ bool, _ []string) {
	*ts.Value(keysetBackup{}).(*keyvault.Backup) = outsideOf(ts).vault.Backup(seal.SecretName)
}

func restoreKeyset(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(outsideOf(ts).vault.Restore(*ts.Value(keysetBackup{}).(*keyvault.Backup)))
}

// keysetBackup is where a script's environment keeps its backup.
type keysetBackup struct{}

func setKeyset(ts *testscript.TestScript, number string, enabled bool) {
	i, err := strconv.Atoi(number)
	ts.Check(err)
	ts.Check(outsideOf(ts).vault.SetEnabled(seal.SecretName, keysetsOf(ts)[i-1].ID, enabled))
}

// secretsIn opens the script's vault as a worker does.
func secretsIn(ts *testscript.TestScript) vault.Secrets {
	o := outsideOf(ts)
	cfg, err := config.LoadStarterWithVault(map[string]string{
		"KEY_VAULT_URL": o.vault.URL(), "TOKENKEEPER_KEY_VAULT_CA_FILE": filepath.Join(ts.Getenv("WORK"), "vault.pem"),
		"TOKENKEEPER_AZURE_CREDENTIAL": "emulator", "TOKENKEEPER_ALLOW_EMULATOR": "true",
	})
	ts.Check(err)
	secrets, err := vaultclient.New(cfg.Vault)
	ts.Check(err)
	return secrets
}

const (
	canaryRefresh = "canary-token-7h3x-refresh"
	canaryAccess  = "canary-token-7h3x-access"
)

// issuedTo is the pair of a run: the second generation of the account's tokens.
func issuedTo(name string) (result activities.RefreshResult, pair token.Pair, names []string) {
	spent := token.NewSecret("canary-token-7h3x-" + name).Fingerprint()
	result = activities.RefreshResult{
		Account: token.Account{Provider: "fitbit", Name: name}, Rotated: true,
		Provenance: token.Provenance{Generation: 2, Fingerprint: token.NewSecret(canaryRefresh).Fingerprint(), Parent: spent, Consent: spent},
		Issue:      token.Issue{ObtainedAt: time.Now().Truncate(time.Second)},
	}
	pair = token.Pair{RefreshToken: token.NewSecret(canaryRefresh), AccessToken: token.NewSecret(canaryAccess), Issue: result.Issue}
	return result, pair, []string{name + "-RefreshToken", name + "-AccessToken"}
}

// sealedRun has a run call its provider, and then wait, fail, or complete as if its store
// had been undone. The worker is the script's
// own: what matters is what the history holds.
func sealedRun(ts *testscript.TestScript, _ bool, args []string) {
	how, name, queue := args[0], args[1], "token-refresh"
	if len(args) > 2 {
		queue = args[2]
	}
	result, pair, names := issuedTo(name)
	keyring := seal.New(vault.NewKeysets(secretsIn(ts)))
	content, err := json.Marshal(map[string]string{"access_token": pair.AccessToken.Reveal(), "refresh_token": pair.RefreshToken.Reveal()})
	ts.Check(err)
	result.Pair, err = keyring.Seal(context.Background(), seal.Binding{Kind: "pair", Account: result.Account, Provenance: result.Provenance, Names: names}, content)
	ts.Check(err)

	c, err := client.Dial(client.Options{HostPort: ts.Getenv("TEMPORAL_ADDRESS"), Namespace: ts.Getenv("TEMPORAL_NAMESPACE"), Logger: quiet{}})
	ts.Check(err)
	calls := worker.New(c, "sealed-"+name, worker.Options{DisableWorkflowWorker: true})
	calls.RegisterActivityWithOptions(func(context.Context) (activities.RefreshResult, error) { return result, nil }, activity.RegisterOptions{Name: "CallFitbit"})
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.Input) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, TaskQueue: "sealed-" + in.Account})
		if err := workflow.ExecuteActivity(ctx, "CallFitbit").Get(ctx, nil); err != nil {
			return err
		}
		var how string
		workflow.GetSignalChannel(ctx, "end").Receive(ctx, &how)
		if how == "completed" {
			return nil
		}
		return temporal.NewNonRetryableApplicationError("ended before it stored", "Broken", nil)
	}, workflow.RegisterOptions{Name: workflows.Type})
	ts.Check(calls.Start())
	ts.Check(w.Start())
	ts.Defer(func() {
		calls.Stop()
		w.Stop()
		c.Close()
	})
	_, err = c.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{ID: "run-of-" + name, TaskQueue: queue}, workflows.Type, workflows.Input{Account: name})
	ts.Check(err)
	awaitPair(ts, &temporalApp{temporal: c, namespace: ts.Getenv("TEMPORAL_NAMESPACE"), taskQueue: queue}, "run-of-"+name)
	if how != "open" {
		endWith(ts, name, how)
	}
}

// awaitPair waits until a run's pair is in its history, and the run is listed.
func awaitPair(ts *testscript.TestScript, app *temporalApp, id string) {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		runs, err := app.listRuns(context.Background(), "WorkflowId = '"+id+"'", 0)
		ts.Check(err)
		if len(runs) == 1 {
			events, err := app.wholeHistory(context.Background(), runs[0])
			ts.Check(err)
			if len(activities.Envelopes(events)) > 0 {
				return
			}
		}
		if time.Now().After(deadline) {
			ts.Fatalf("run %s has no pair", id)
		}
	}
}

func endRun(ts *testscript.TestScript, _ bool, args []string) { endWith(ts, args[0], "ended") }

// endWith returns when the run is listed as ended.
func endWith(ts *testscript.TestScript, name, how string) {
	c, err := client.Dial(client.Options{HostPort: ts.Getenv("TEMPORAL_ADDRESS"), Namespace: ts.Getenv("TEMPORAL_NAMESPACE"), Logger: quiet{}})
	ts.Check(err)
	defer c.Close()
	ts.Check(c.SignalWorkflow(context.Background(), "run-of-"+name, "", "end", how))
	if err := c.GetWorkflow(context.Background(), "run-of-"+name, "").Get(context.Background(), nil); (err == nil) != (how == "completed") {
		ts.Fatalf("the run of %s: %v", name, err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		listed, err := c.CountWorkflow(context.Background(), &workflowservice.CountWorkflowExecutionsRequest{Query: "WorkflowId = 'run-of-" + name + "' AND ExecutionStatus != 'Running'"})
		ts.Check(err)
		if listed.GetCount() == 1 {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the run of %s is not listed as ended", name)
		}
	}
}

// savePair stores the pair as the run, or a recovery, would.
func savePair(ts *testscript.TestScript, _ bool, args []string) {
	secrets := secretsIn(ts)
	result, pair, names := issuedTo(args[0])
	p := result.Provenance
	_, err := secrets.Set(context.Background(), names[0], pair.RefreshToken, vault.Properties{Tags: map[string]string{
		"generation": "2", "fingerprint": string(p.Fingerprint), "parent": string(p.Parent), "consent": string(p.Consent),
		"provider": "fitbit", "account": args[0], "obtained-at": result.ObtainedAt.UTC().Format(time.RFC3339),
	}})
	ts.Check(err)
}
