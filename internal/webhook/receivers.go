package webhook

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"tokenkeeper/internal/token"
)

const (
	// maxReceivers bounds the receivers of a file, and maxFile one file, in bytes.
	maxReceivers, maxFile = 20, 64 << 10
)

// Receiver gets events. Its URL is a secret too: those of chats hold one in the path.
type Receiver struct {
	Name   string // in histories and logs
	URL    token.Secret
	Secret token.Secret
}

// host is what may be shown of the URL.
func (r Receiver) host() string {
	u, err := url.Parse(r.URL.Reveal())
	if err != nil {
		return "unknown"
	}
	return u.Host
}

// stated is a receiver as the file has it.
type stated struct {
	URL        string `yaml:"url"`
	URLFile    string `yaml:"url_file"`
	Secret     string `yaml:"secret"`
	SecretFile string `yaml:"secret_file"`
}

// Load reads the receivers of a YAML file; none where it is not named:
//
//	receivers:
//	  ops:                          # a name for histories and logs
//	    url: https://alerts.example.com/token-keeper
//	    secret_file: ops.secret     # whsec_…; beside this file
//	  chat:
//	    url_file: /run/secrets/chat-url
//	    secret: whsec_…             # where this file itself is kept like a secret
//
// The error names every problem at once, and shows no value: each may be a secret.
func Load(path string) ([]Receiver, error) {
	if path == "" {
		return nil, nil
	}
	content, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("webhooks file: %w", err)
	}
	var file struct {
		Receivers map[string]stated `yaml:"receivers"`
	}
	if err := yaml.UnmarshalWithOptions([]byte(content), &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("webhooks file: %s: %s", path, syntaxProblem(err))
	}
	if len(file.Receivers) == 0 {
		return nil, fmt.Errorf(`webhooks file: %s has no receiver; write "receivers:" with a name, its url and its secret_file, or unset TOKENKEEPER_WEBHOOKS`, path)
	}
	var found []Receiver
	var problems []error
	if len(file.Receivers) > maxReceivers {
		problems = append(problems, fmt.Errorf("webhooks file: %s has %d receivers; use at most %d, or a relay", path, len(file.Receivers), maxReceivers))
	}
	for _, name := range slices.Sorted(maps.Keys(file.Receivers)) {
		r, wrong := file.Receivers[name].read(name, filepath.Dir(path))
		found = append(found, r)
		for _, problem := range wrong {
			problems = append(problems, fmt.Errorf("webhooks file: %s: receiver %.40q: %s", path, name, problem))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return found, nil
}

var receiverName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (s stated) read(name, dir string) (r Receiver, problems []string) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if !receiverName.MatchString(name) || len(name) > token.MaxName {
		add("its name is not valid; use lower-case letters, digits and single hyphens between them, %d at most", token.MaxName)
	}
	address, problem := one("url", s.URL, s.URLFile, dir)
	if problem == "" {
		problem = urlProblem(address)
	}
	if problem != "" {
		add("%s", problem)
	}
	secret, problem := one("secret", s.Secret, s.SecretFile, dir)
	if problem == "" {
		if err := checkSecret(token.NewSecret(secret)); err != nil {
			problem = "secret " + err.Error()
		}
	}
	if problem != "" {
		add("%s", problem)
	}
	return Receiver{name, token.NewSecret(address), token.NewSecret(secret)}, problems
}

// one is a value that stands in the file or in another that it names.
func one(key, value, file, dir string) (_, problem string) {
	value = strings.TrimSpace(value)
	switch {
	case value != "" && file != "":
		return "", fmt.Sprintf("it has %s and %s_file; state one of them", key, key)
	case value == "" && file == "":
		return "", fmt.Sprintf("it has no %s; state %s or %s_file", key, key, key)
	case value != "":
		return value, ""
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	content, err := readFile(file)
	if err != nil {
		return "", fmt.Sprintf("%s_file: %v", key, err)
	}
	if value = strings.TrimSpace(content); value == "" {
		return "", fmt.Sprintf("%s_file names an empty file", key)
	}
	return value, ""
}

func urlProblem(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		return "url is not a URL; write it as in https://alerts.example.com/token-keeper"
	case u.User != nil:
		return "url holds a user name, which would go to every log on the way; put what authenticates into the receiver's path, or rely on the signature"
	case u.Fragment != "":
		return "url has a part after #, which is never sent; end it there"
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return ""
	}
	return "url does not begin with https://; only a receiver on this machine may have http://"
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func readFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFile {
		return "", fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	var content []byte
	if err == nil {
		content, err = os.ReadFile(path)
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return "", fmt.Errorf("a file cannot be read: %w; correct the path or its permissions", pathErr.Err)
	}
	return string(content), err
}

// syntaxProblem says where the file is wrong without quoting it.
func syntaxProblem(err error) string {
	const keys = `a receiver has url or url_file, and secret or secret_file (the line is not shown, because it may hold a secret)`
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		return fmt.Sprintf("line %d is not valid: %s", located.GetToken().Position.Line, keys)
	}
	return "it is not valid YAML: " + keys
}
