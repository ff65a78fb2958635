package workflows_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// FuzzInput starts a run with anything. What is taken names an account that can exist,
// and what is refused says so without what a terminal would obey.
func FuzzInput(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `""`, `{"account":"will","provider":"fitbit"}`, `{"account":"WILL"}`, `{"acount":"will"}`, `{"account":7}`,
		`{"provider":"google-health","secretsOf":"fitbit"}`, `{"recover":true,"from":["nightly-refresh"]}`, `{"from":["x"]}`,
		`{"account":"a\u001b[2J"}`, `{"\u001b]0;x\u0007":1}`, `{"account":"will","account":"anna"}`, `{"account":"wıll"}`, `{"account":"will"} {}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		var in workflows.Input
		if json.Unmarshal([]byte(input), &in) != nil {
			return // not JSON, which Temporal's data converter refuses
		}
		account, err := in.Check()
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q is refused with %q", input, err)
			}
			return
		}
		for _, name := range []string{account.Provider, account.Name, account.SecretsOf} {
			if _, err := token.NewAccount("", name); err != nil {
				t.Errorf("%q gives %v: %v", input, account, err)
			}
		}
		again, err := json.Marshal(in)
		var same workflows.Input
		if err != nil || json.Unmarshal(again, &same) != nil {
			t.Fatalf("%q does not survive as JSON: %s %v", input, again, err)
		}
		if other, err := same.Check(); err != nil || other != account {
			t.Errorf("%q gives %v, and as %s %v %v", input, account, again, other, err)
		}
	})
}
