package system_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/demo/system"
)

func TestACommandReadsAsAnOperatorTypesIt(t *testing.T) {
	for _, tc := range []struct {
		command system.Command
		want    string
	}{
		{system.Command{"workflow", "cancel", "--address", "127.0.0.1:7234"}, "temporal workflow cancel --address 127.0.0.1:7234"},
		{system.Command{"--cron", "0 */6 * * *", "--input", "{}"}, `temporal --cron '0 */6 * * *' --input '{}'`},
		{system.Command{"--static-summary", "Will's tokens", ""}, `temporal --static-summary 'Will'\''s tokens' ''`},
	} {
		require.Equal(t, tc.want, tc.command.String())
	}
}
