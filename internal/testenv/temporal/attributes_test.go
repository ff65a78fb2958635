package temporal_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/temporal"
)

func TestServerHasEverySearchAttributeWithItsType(t *testing.T) {
	c, err := testenv.OwnTemporal(t).Dial()
	require.NoError(t, err)
	defer c.Close()

	listed, err := c.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: "default"})

	require.NoError(t, err)
	for name, kind := range temporal.SearchAttributes() {
		require.Equal(t, kind, listed.GetCustomAttributes()[name], name)
	}
}
