package canary_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"

	"tokenkeeper/internal/testenv/secretscan"
)

// written is all that the programs have left somewhere, by the place where it is.
type written struct {
	mu     sync.Mutex
	places map[string][]byte
}

func (w *written) add(place string, content []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.places == nil {
		w.places = map[string][]byte{}
	}
	w.places[place] = append(append(w.places[place], content...), '\n')
}

// requireNone searches every place for every secret, whole and in pieces, and says how much
// was searched.
func (w *written) requireNone(t *testing.T, secrets map[string]string) {
	t.Helper()
	volume := 0
	for place, content := range w.places {
		volume += len(content)
		for name, secret := range secrets {
			require.Empty(t, secretscan.Find(content, secret), "%s is in %s", name, place)
			for _, end := range ends(secret) {
				require.Empty(t, secretscan.FindPieces(content, end), "a piece of %s is in %s", name, place)
			}
		}
	}
	t.Logf("searched %d places, %d kB, for %d secrets", len(w.places), volume>>10, len(secrets))
}

// longestEnd is what is searched for in pieces at either end of a secret. A token of 30 kB
// has 2,500 pieces, whose search took minutes; what shows a part of one shows an end of it.
const longestEnd = 20 * secretscan.MinLength

func ends(secret string) []string {
	if len(secret) <= 2*longestEnd {
		return []string{secret}
	}
	return []string{secret[:longestEnd], secret[len(secret)-longestEnd:]}
}

// requirePlanted shows that a place was really read and searched: what was planted in it
// is found.
func (w *written) requirePlanted(t *testing.T, place, planted string) {
	t.Helper()
	require.NotEmpty(t, secretscan.Find(w.places[place], planted), "%s was not searched: what was planted in it is not found in its %d bytes", place, len(w.places[place]))
}

// addFiles adds every file under a folder; one that vanishes meanwhile is left out.
func (w *written) addFiles(t *testing.T, place, root string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // a file of a running database
		}
		if content, err := os.ReadFile(path); err == nil {
			w.add(place, content)
		}
		return nil
	}))
}

// addProcess adds what other users of the machine may see of a process.
func (w *written) addProcess(t *testing.T, place string, pid int) {
	t.Helper()
	for _, file := range []string{"cmdline", "environ"} {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if os.IsNotExist(err) {
			return // no /proc here, or it has ended
		}
		require.NoError(t, err)
		w.add(place, content)
	}
}

// collector receives traces, as an OpenTelemetry collector does.
func collector(t *testing.T, w *written) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			plain, err := gzip.NewReader(body)
			if err != nil {
				return
			}
			body = plain
		}
		content, _ := io.ReadAll(body)
		w.add("traces", content)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// wiretap stands before a provider's token endpoint and notes the secrets that are sent to
// it and come from it.
type wiretap struct {
	mu      sync.Mutex
	secrets map[string]string
}

// tap is a wiretap before one provider.
type tap struct {
	*wiretap
	to string
}

func (w *wiretap) note(name, secret string) {
	if len(secret) < secretscan.MinLength {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, noted := range w.secrets {
		if noted == secret {
			return
		}
	}
	w.secrets[fmt.Sprintf("%s %d", name, len(w.secrets))] = secret
}

func (w *tap) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	sent, _ := io.ReadAll(r.Body)
	request, err := http.NewRequestWithContext(r.Context(), r.Method, w.to+r.URL.RequestURI(), bytes.NewReader(sent))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	request.Header = r.Header.Clone()
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		panic(http.ErrAbortHandler) // as the provider broke off
	}
	defer func() { _ = answer.Body.Close() }()
	received, err := io.ReadAll(answer.Body)
	w.noteForm(string(sent))
	w.noteAnswer(received)
	for name, values := range answer.Header {
		rw.Header()[name] = values
	}
	rw.WriteHeader(answer.StatusCode)
	_, _ = rw.Write(received)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

func (w *wiretap) noteAnswer(body []byte) {
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &answer) == nil {
		w.note("access token", answer.Access)
		w.note("refresh token", answer.Refresh)
	}
}

func (w *wiretap) noteForm(body string) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return
	}
	for _, name := range []string{"code", "code_verifier", "refresh_token", "client_secret", "token"} {
		w.note(name, form.Get(name))
	}
}

// addHistories adds the whole of every workflow run that the server has: its history as it
// is sent, the same as JSON, and each payload by itself.
func (c *campaign) addHistories() {
	t := c.t
	t.Helper()
	list, err := c.temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	require.NoError(t, err)
	raw, err := proto.Marshal(list)
	require.NoError(t, err)
	c.add("visibility", raw)
	require.NotEmpty(t, list.GetExecutions())
	for _, run := range list.GetExecutions() {
		id := run.GetExecution()
		described, err := c.temporal.DescribeWorkflowExecution(t.Context(), id.GetWorkflowId(), id.GetRunId())
		require.NoError(t, err)
		raw, err := proto.Marshal(described)
		require.NoError(t, err)
		c.add("visibility", raw)
		events := c.temporal.GetWorkflowHistory(t.Context(), id.GetWorkflowId(), id.GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			e, err := events.Next()
			require.NoError(t, err)
			raw, err := proto.Marshal(e)
			require.NoError(t, err)
			c.add("histories", raw)
			text, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(e)
			require.NoError(t, err)
			c.add("histories as JSON", text)
		}
	}
}

// secretsOfKeyset are the keys of every version of the keyset.
func (c *campaign) secretsOfKeyset() {
	for _, v := range c.Vault.Versions("TokenKeeperKeyset") {
		var keyset struct {
			Key []struct {
				KeyData struct {
					Value string `json:"value"`
				} `json:"keyData"`
			} `json:"key"`
		}
		require.NoError(c.t, json.Unmarshal([]byte(v.Value), &keyset))
		require.NotEmpty(c.t, keyset.Key)
		for _, k := range keyset.Key {
			key, err := base64.StdEncoding.DecodeString(k.KeyData.Value)
			require.NoError(c.t, err)
			c.tap.note("key of the keyset", string(key))
			c.tap.note("key of the keyset, as the vault has it", strings.TrimRight(k.KeyData.Value, "="))
		}
	}
}
