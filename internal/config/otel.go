package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// OpenTelemetryVariables are OpenTelemetry's own that the worker reads, from its
// Environment Variable Specification and its OTLP Exporter Configuration.
func OpenTelemetryVariables() []Variable {
	return []Variable{
		{"OTEL_SDK_DISABLED", "false", "true sends nothing, whatever the variables below say. /metrics stays."},
		{"OTEL_TRACES_EXPORTER", "", "otlp, console or none. By default otlp where an endpoint for traces is set, else none."},
		{"OTEL_METRICS_EXPORTER", "none", "otlp, prometheus (a second page, on port 9464), console or none: beside /metrics, which is always served."},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "", "Collector's base URL, as in http://localhost:4318, or http://localhost:4317 for grpc; https for TLS. OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and OTEL_EXPORTER_OTLP_METRICS_ENDPOINT are whole URLs for one signal."},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "http/protobuf or grpc; likewise for one signal, as in OTEL_EXPORTER_OTLP_TRACES_PROTOCOL."},
		{"OTEL_EXPORTER_OTLP_HEADERS", "", "Headers for the collector, as in key1=value1,key2=value2; likewise for one signal. Never shown."},
		{"OTEL_EXPORTER_OTLP_*", "", "_TIMEOUT (milliseconds), _COMPRESSION (gzip or none), _INSECURE, _CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY (PEM files); likewise for one signal."},
		{"OTEL_SERVICE_NAME", "tokenkeeper", "What traces and metrics name this program; OTEL_RESOURCE_ATTRIBUTES adds to it."},
		{"OTEL_*", "", "Further ones of the specification that count: OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, OTEL_BSP_*, OTEL_METRIC_EXPORT_INTERVAL, OTEL_METRIC_EXPORT_TIMEOUT, OTEL_EXPORTER_PROMETHEUS_HOST and _PORT, the limits of spans. Logs are lines on standard error only."},
	}
}

const (
	otelNone     = "none"
	otelProtocol = "OTEL_EXPORTER_OTLP_PROTOCOL"
)

// signals are what is sent, as they stand in the names of variables; "" is for both.
var signals = []string{"", "TRACES_", "METRICS_"}

// openTelemetry returns whether traces and metrics are sent. It checks the variables,
// because OpenTelemetry's exporters take the default in place of a wrong value and print a
// line about it. Values are not shown: headers are secrets.
func (p *problems) openTelemetry(environ map[string]string) (traces, metrics bool) {
	disabled := p.otelBool(environ, "OTEL_SDK_DISABLED")
	exporter := func(name, byDefault string, allowed ...string) string {
		value, set := environ[name]
		if !set {
			return byDefault
		}
		return p.oneOf(name, value, allowed...)
	}
	byEndpoint := otelNone
	if environ["OTEL_EXPORTER_OTLP_ENDPOINT"] != "" || environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] != "" {
		byEndpoint = "otlp"
	}
	traces = exporter("OTEL_TRACES_EXPORTER", byEndpoint, "otlp", "console", otelNone) != otelNone
	metrics = exporter("OTEL_METRICS_EXPORTER", otelNone, "otlp", "prometheus", "console", otelNone) != otelNone
	for _, signal := range signals {
		p.otlp(environ, "OTEL_EXPORTER_OTLP_"+signal)
	}
	for _, name := range []string{"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
		"OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT", "OTEL_EXPORTER_PROMETHEUS_PORT"} {
		p.otelNumber(environ, name)
	}
	p.sampler(environ)
	return traces && !disabled, metrics && !disabled
}

// otlp checks the exporter's variables that begin with a prefix.
func (p *problems) otlp(environ map[string]string, prefix string) {
	example := "http://localhost:4318"
	if environ[prefix+"PROTOCOL"] == "grpc" || environ[prefix+"PROTOCOL"] == "" && environ[otelProtocol] == "grpc" {
		example = "http://localhost:4317"
	}
	p.webURL(prefix+"ENDPOINT", environ[prefix+"ENDPOINT"], example)
	if value, set := environ[prefix+"PROTOCOL"]; set {
		p.oneOf(prefix+"PROTOCOL", value, "http/protobuf", "grpc")
	}
	if value, set := environ[prefix+"COMPRESSION"]; set {
		p.oneOf(prefix+"COMPRESSION", value, "gzip", otelNone)
	}
	p.otelBool(environ, prefix+"INSECURE")
	p.otelNumber(environ, prefix+"TIMEOUT")
	for _, file := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
		p.readable(prefix+file, environ[prefix+file])
	}
	if headers := environ[prefix+"HEADERS"]; headers != "" && !areHeaders(headers) {
		p.add(prefix+"HEADERS", "is not a list of headers; write it as in key1=value1,key2=value2, with what is special in a URL percent-encoded")
	}
}

// areHeaders reports whether a text is a list of keys and values (W3C Baggage without
// properties).
func areHeaders(text string) bool {
	for pair := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(pair, "=")
		if _, err := url.PathUnescape(value); !found || strings.TrimSpace(key) == "" || err != nil {
			return false
		}
	}
	return true
}

func (p *problems) otelBool(environ map[string]string, name string) bool {
	value, set := environ[name]
	if !set {
		return false
	}
	return strings.EqualFold(p.oneOf(name, strings.ToLower(value), "true", "false"), "true")
}

func (p *problems) otelNumber(environ map[string]string, name string) {
	if value, set := environ[name]; set {
		if n, err := strconv.Atoi(value); err != nil || n < 0 {
			p.add(name, "is not a whole number; write one without a unit, such as 5000")
		}
	}
}

// sampler checks which traces are kept.
func (p *problems) sampler(environ map[string]string) {
	const name, argument = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	samplers := []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}
	value, set := environ[name]
	if set {
		p.oneOf(name, value, samplers...)
	}
	share, given := environ[argument]
	if ratio, err := strconv.ParseFloat(share, 64); given && slices.Contains([]string{samplers[2], samplers[5]}, value) && (err != nil || !(ratio >= 0 && ratio <= 1)) {
		p.add(argument, "is not a share; write a number from 0 to 1, such as 0.1")
	}
}
