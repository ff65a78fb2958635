package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
)

func TestSettingsThatPrintWhatIsSentAreRefused(t *testing.T) {
	apart(t)
	const says = "GODEBUG has http2debug, which prints tokens and client secrets; take it out, and trace against a simulator in its place"
	for value, refused := range map[string]bool{
		"http2debug=1": true, "http2debug=2": true, "netdns=go, http2debug=2": true, "http2debug": true,
		"http2debug=0": false, "netdns=go": false, "http2client=0": false, "": false,
	} {
		environ := with(map[string]string{"GODEBUG": value, "TOKENKEEPER_LOG_FORMAT": "xml"})
		_, err := config.LoadWorker(environ)
		if refused {
			require.Contains(t, problems(t, err), says, value)
			require.Len(t, problems(t, err), 2, "beside every other mistake")
		} else {
			require.Len(t, problems(t, err), 1, value)
		}
		delete(environ, "TOKENKEEPER_LOG_FORMAT")
		for _, load := range []func(map[string]string) (config.Starter, error){config.LoadStarter, config.LoadStarterWithVault} {
			_, err := load(environ)
			require.Equal(t, refused, err != nil, value)
		}
	}
}
