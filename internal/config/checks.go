package config

import (
	"errors"
	"io/fs"
	"math"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// minStopTimeout is the longest attempt of a provider call (20 s) and the
	// time that the SDK gives to delivering its completion (10 s).
	minStopTimeout = 30 * time.Second
	maxActivities  = 1000
	// azurePace is 300 secret creations per 10 s and vault ("Azure Key Vault
	// service limits"), for providers whose refresh writes one secret only.
	azurePace = 30
)

// oneOf does not show a wrong value: a credential's name is a place where
// people put the credential itself.
func (m *mistakes) oneOf(variable, value string, allowed ...string) string {
	if !slices.Contains(allowed, value) {
		last := len(allowed) - 1
		m.add(variable, "has a value that it does not know; set it to %s or %s", strings.Join(allowed[:last], ", "), allowed[last])
	}
	return value
}

func (m *mistakes) limits(s workerSettings) {
	const stop, activities = "TOKENKEEPER_STOP_TIMEOUT", "TOKENKEEPER_MAX_CONCURRENT_ACTIVITIES"
	if !m.names(stop) && s.StopTimeout < minStopTimeout {
		m.add(stop, "is %s; a call in flight may take %s to finish and be recorded, so set it to that or more", s.StopTimeout, minStopTimeout)
	}
	if !m.names(activities) && (s.MaxConcurrentActivities < 1 || s.MaxConcurrentActivities > maxActivities) {
		m.add(activities, "is %d; set it to a number from 1 to %d", s.MaxConcurrentActivities, maxActivities)
	}
}

func (m *mistakes) pace(rate float64, vault string) float64 {
	const variable = "TOKENKEEPER_MAX_REFRESHES_PER_SECOND"
	switch {
	case m.names(variable):
	case !(rate > 0) || math.IsInf(rate, 0): // not a number is neither
		m.add(variable, "is %g; set it to a number above 0, such as 14", rate)
	case rate > azurePace && isAzure(vault):
		m.add(variable, "is %g, but Key Vault takes %d new secrets per second, and a refresh writes two; set it to 14, or spread the accounts over several vaults", rate, azurePace)
	}
	return rate
}

func (m *mistakes) deployment(s workerSettings) Deployment {
	const name, build = "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"
	switch {
	case s.DeploymentName != "" && s.BuildID == "":
		m.add(build, "is not set, but %s is; set both for a versioned worker, or neither", name)
	case s.DeploymentName == "" && s.BuildID != "":
		m.add(name, "is not set, but %s is; set both for a versioned worker, or neither", build)
	}
	return Deployment{s.DeploymentName, s.BuildID}
}

// listenAddress is empty for off.
func (m *mistakes) listenAddress(variable, value string) string {
	if value == "off" {
		return ""
	}
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		m.add(variable, "is %s; write host:port, such as 127.0.0.1:8085 or :8085 for all interfaces, or off", shown(value))
	}
	return value
}

// webURL checks an address that is optional and may be plain http. The value is
// not shown, for it may carry a password.
func (m *mistakes) webURL(variable, value, example string) string {
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		m.add(variable, "is not a URL with http:// or https://; write it as in %s", example)
		return ""
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		m.add(variable, "holds more than an address; write it without user name, question mark and #, as in %s", example)
		return ""
	}
	return strings.TrimRight(value, "/")
}

// readable is the path of a file that can be read; empty for any other.
func (m *mistakes) readable(variable, path string) string {
	if path == "" {
		return ""
	}
	if _, ok := m.read(variable, path); !ok {
		return ""
	}
	return path
}

func (m *mistakes) read(variable, path string) (content []byte, ok bool) {
	content, err := os.ReadFile(path)
	if err != nil {
		m.add(variable, "names %s, which cannot be read: %s; correct the path or the file's permissions", shown(path), reason(err))
	}
	return content, err == nil
}

// reason is why a file cannot be read, without its path: a path variable may
// hold a key that somebody pasted there.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}
