package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
)

func TestOpenTelemetrysVariablesDecideWhatIsSent(t *testing.T) {
	apart(t)
	const here = "http://localhost:4318"
	for name, tc := range map[string]struct {
		variables       map[string]string
		traces, metrics bool
	}{
		"none":                     {nil, false, false},
		"a collector":              {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": here}, true, false},
		"one for traces":           {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": here + "/v1/traces"}, true, false},
		"one for metrics":          {map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": here + "/v1/metrics"}, false, false},
		"the standard's own place": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp"}, true, true},
		"no traces":                {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": here, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "otlp"}, false, true},
		"disabled":                 {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": here, "OTEL_METRICS_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "TRUE"}, false, false},
		"not disabled":             {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": here, "OTEL_SDK_DISABLED": "false"}, true, false},
		"a share":                  {map[string]string{"OTEL_TRACES_EXPORTER": "console", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, true, false},
		"headers and a time":       {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": here, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=fake%20key,x=1", "OTEL_EXPORTER_OTLP_TIMEOUT": "5000"}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := config.LoadWorker(with(tc.variables))
			require.NoError(t, err)
			require.Equal(t, tc.traces, w.Traces, "traces")
			require.Equal(t, tc.metrics, w.ExportMetrics, "metrics")
		})
	}
}

func TestAShareOfTracesIsANumber(t *testing.T) {
	apart(t)
	for _, share := range []string{"1.5", "-1", "NaN", "ten percent"} {
		_, err := config.LoadWorker(with(map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": share}))
		require.ErrorContains(t, err, "OTEL_TRACES_SAMPLER_ARG is not a share; write a number from 0 to 1", share)
	}
}
