package config

import (
	"errors"
	"fmt"
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

// Error is everything that is wrong with the environment.
type Error struct {
	// Problems are sentences, each with a variable's name, what is wrong and the
	// fix, and none with a value that could be a secret.
	Problems []string
}

func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return "configuration: " + e.Problems[0]
	}
	return fmt.Sprintf("configuration: %d problems:\n  - %s", len(e.Problems), strings.Join(e.Problems, "\n  - "))
}

// problems collects everything that is wrong, so that one run reports all of it.
type problems struct{ found []string }

// add takes the variable's name and the rest of a sentence about it.
func (p *problems) add(variable, format string, args ...any) {
	p.found = append(p.found, variable+" "+fmt.Sprintf(format, args...))
}

// has reports whether the variable has a problem already, so that a value which
// is not of its type is not also called too small.
func (p *problems) has(variable string) bool {
	return slices.ContainsFunc(p.found, func(s string) bool { return strings.HasPrefix(s, variable+" ") })
}

func (p *problems) err() error {
	if len(p.found) == 0 {
		return nil
	}
	return &Error{p.found}
}

const (
	// minStopTimeout is the longest attempt of a provider call (20 s) and the
	// SDK's time to deliver its completion (10 s).
	minStopTimeout = 30 * time.Second
	maxActivities  = 1000
	// azureRate is 300 secret creations per 10 s and vault ("Azure Key Vault
	// service limits").
	azureRate = 30
)

// oneOf does not show a wrong value, because a credential may have been pasted in
// the place of its kind.
func (p *problems) oneOf(variable, value string, allowed ...string) string {
	if !slices.Contains(allowed, value) {
		last := len(allowed) - 1
		p.add(variable, "has a value that it does not know; set it to %s or %s", strings.Join(allowed[:last], ", "), allowed[last])
	}
	return value
}

func (p *problems) limits(s workerSettings) {
	const stop, activities = "TOKENKEEPER_STOP_TIMEOUT", "TOKENKEEPER_MAX_CONCURRENT_ACTIVITIES"
	if !p.has(stop) && s.StopTimeout < minStopTimeout {
		p.add(stop, "is %s; a call in flight may take %s to finish and be recorded, so set it to that or more", s.StopTimeout, minStopTimeout)
	}
	if !p.has(activities) && (s.MaxConcurrentActivities < 1 || s.MaxConcurrentActivities > maxActivities) {
		p.add(activities, "is %d; set it to a number from 1 to %d", s.MaxConcurrentActivities, maxActivities)
	}
}

func (p *problems) rateLimit(rate float64, vault string) float64 {
	const variable = "TOKENKEEPER_MAX_SECRET_WRITES_PER_SECOND"
	switch {
	case p.has(variable):
	case !(rate > 0) || math.IsInf(rate, 0): // written so that NaN fails too
		p.add(variable, "is %g; set it to a number above 0, such as 26", rate)
	case rate > azureRate && isAzure(vault):
		p.add(variable, "is %g, but Key Vault takes %d new secrets per second; set it to 26, or spread the accounts over several vaults", rate, azureRate)
	}
	return rate
}

func (p *problems) deployment(s workerSettings) Deployment {
	const name, build = "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"
	switch {
	case s.DeploymentName != "" && s.BuildID == "":
		p.add(build, "is not set, but %s is; set both for a versioned worker, or neither", name)
	case s.DeploymentName == "" && s.BuildID != "":
		p.add(name, "is not set, but %s is; set both for a versioned worker, or neither", build)
	}
	return Deployment{s.DeploymentName, s.BuildID}
}

// listenAddress is empty for off.
func (p *problems) listenAddress(variable, value string) string {
	if value == "off" {
		return ""
	}
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		p.add(variable, "is %s; write host:port, such as 127.0.0.1:8085 or :8085 for all interfaces, or off", redact(value))
	}
	return value
}

// loopbackAddress is an optional address that only this machine reaches.
func (p *problems) loopbackAddress(variable, value string) string {
	if value == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if ip := net.ParseIP(host); err != nil || host != "localhost" && !ip.IsLoopback() {
		p.add(variable, "is %s; write a port of this machine's loopback, such as localhost:6060, or remove it", redact(value))
	}
	return value
}

// webURL checks an optional address, which may be plain http. The value is not
// shown, because it may hold a password.
func (p *problems) webURL(variable, value, example string) string {
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		p.add(variable, "is not a URL with http:// or https://; write it as in %s", example)
		return ""
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		p.add(variable, "holds more than an address; write it without user name, question mark and #, as in %s", example)
		return ""
	}
	return strings.TrimRight(value, "/")
}

// readable is the path of a file that can be read; empty for any other.
func (p *problems) readable(variable, path string) string {
	if path != "" {
		if _, ok := p.read(variable, path); ok {
			return path
		}
	}
	return ""
}

func (p *problems) read(variable, path string) (content []byte, ok bool) {
	content, err := os.ReadFile(path)
	if err != nil {
		p.add(variable, "names %s, which cannot be read: %s; correct the path or the file's permissions", redact(path), reason(err))
	}
	return content, err == nil
}

// reason is why a file cannot be read, without its path, which may be a key that
// was pasted there.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// redact quotes the value of a setting that is no secret. A value that looks
// pasted by accident is described instead.
func redact(value string) string {
	if len(value) > 100 || strings.ContainsAny(value, "\n\r") || strings.Contains(value, "-----BEGIN") {
		return fmt.Sprintf("a text of %d characters", len(value))
	}
	return fmt.Sprintf("%q", value)
}
