package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// rowsFile is what the help of each command that reads tokens of many accounts says of it.
const rowsFile = `The file has a row for each account, as CSV with a header line or as one JSON object
a line, with: account, refresh_token and, where they are known, provider,
secrets_of, access_token, expires_at (a time such as 2026-11-26T15:00:00Z, or
seconds since 1970), user_id, scopes. - reads stdin. All mistakes in it are named before
anything is stored. Let its owner alone read it (chmod 600), and remove it afterwards.`

// tokenRow is one account's tokens in a file.
type tokenRow struct {
	account token.Account
	pair    token.Pair
	line    int
}

// columns are those that a row may have. The last ones are in providers' answers, and say
// nothing that is stored.
var columns = []string{"account", "provider", "secrets_of", "refresh_token", "access_token", "expires_at", "user_id", "scopes", "scope", "token_type", "expires_in"}

// readRows reads a file of tokens; - means in. shared reports that others on this machine may
// read the file.
func readRows(file string, in io.Reader, providers provider.Table, issuer string, now time.Time) (rows []tokenRow, shared bool, err error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, false, fmt.Errorf("--accounts: %w", err)
		}
		defer func() { _ = f.Close() }()
		info, err := f.Stat()
		if err != nil {
			return nil, false, fmt.Errorf("--accounts: %w", err)
		}
		shared = runtime.GOOS != "windows" && info.Mode().Type() == 0 && info.Mode().Perm()&fs.FileMode(0o077) != 0
		in = f
	}
	rows, err = parseRows(file, in, providers, issuer, now)
	return rows, shared, err
}

// parseRows reads CSV or JSON lines. The error names every line with a mistake, and quotes
// nothing of it but an account's name.
func parseRows(file string, in io.Reader, providers provider.Table, issuer string, now time.Time) ([]tokenRow, error) {
	buffered := bufio.NewReader(in)
	if mark, _ := buffered.Peek(3); string(mark) == "\ufeff" {
		_, _ = buffered.Discard(3)
	}
	first, _ := buffered.Peek(1)
	byHand, each := true, csvRows
	if string(first) == "{" {
		byHand, each = false, jsonRows
	}
	p := rowParser{byHand: byHand, providers: providers, issuer: issuer, now: now, lineOf: map[token.Account]int{}, tokenOf: map[token.Fingerprint]int{}}
	err := each(buffered, func(line int, row map[string]json.RawMessage, err error) {
		if err == nil {
			err = p.add(line, row)
		}
		if err != nil {
			p.mistakes = append(p.mistakes, fmt.Errorf("%s:%d: %w", file, line, err))
		}
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", file, err)
	case len(p.mistakes) > 0:
		return nil, fmt.Errorf("nothing was stored, because of the mistakes in the file of tokens:\n%w", joinSome(p.mistakes))
	case len(p.rows) == 0:
		return nil, fmt.Errorf("%s has no row; give each account one", file)
	}
	return p.rows, nil
}

// jsonRows calls row for each line that is not empty.
func jsonRows(in *bufio.Reader, row func(int, map[string]json.RawMessage, error)) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, consent.MaxTokens)
	for number := 1; lines.Scan(); number++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(text, &fields) != nil { // its error may quote what it read
			row(number, nil, errors.New("it is no JSON object; write one a line"))
			continue
		}
		row(number, fields, nil)
	}
	return lines.Err()
}

// csvRows calls row for each record after the header line.
func csvRows(in *bufio.Reader, row func(int, map[string]json.RawMessage, error)) error {
	records := csv.NewReader(in)
	records.TrimLeadingSpace = true
	header, err := records.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	if !slices.Contains(header, "account") || !slices.Contains(header, "refresh_token") {
		return errors.New("its first line does not name the columns account and refresh_token; write a header line such as account,provider,refresh_token")
	}
	for {
		record, err := records.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		line, _ := records.FieldPos(0)
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			row(syntax.Line, nil, syntax.Err)
			continue
		}
		if err != nil {
			return err
		}
		fields := map[string]json.RawMessage{}
		for i, value := range record {
			if value != "" {
				fields[header[i]], _ = json.Marshal(value) // a text always marshals
			}
		}
		row(line, fields, nil)
	}
}

type rowParser struct {
	byHand    bool // a token has no quotes around it, which JSON has for one with blanks in it
	providers provider.Table
	issuer    string
	now       time.Time
	rows      []tokenRow
	mistakes  []error
	lineOf    map[token.Account]int
	tokenOf   map[token.Fingerprint]int
}

func (p *rowParser) add(line int, fields map[string]json.RawMessage) error {
	for name := range fields {
		if !slices.Contains(columns, name) {
			return fmt.Errorf("%q is no column; use %s", escapeControls(name), strings.Join(columns[:8], ", "))
		}
	}
	name, issuer := textOf(fields["account"]), textOf(fields["provider"])
	if name == "" {
		return errors.New("it names no account")
	}
	if issuer == "" {
		issuer = p.issuer
	}
	t, err := newTarget(p.providers, issuer, name, textOf(fields["secrets_of"]))
	if err != nil {
		return err
	}
	pair, err := p.pairOf(fields)
	if err != nil {
		return fmt.Errorf("%s: %w", t, err)
	}
	key := token.Account{Provider: t.Account.Provider, Name: t.Account.Name}
	if before := p.lineOf[key]; before > 0 {
		return fmt.Errorf("%s is in line %d already; remove one of the two", t, before)
	}
	if before := p.tokenOf[pair.RefreshToken.Fingerprint()]; before > 0 {
		return fmt.Errorf("%s: its refresh token is that of line %d; a grant is for one account", t, before)
	}
	p.lineOf[key], p.tokenOf[pair.RefreshToken.Fingerprint()] = line, line
	p.rows = append(p.rows, tokenRow{t.Account, pair, line})
	return nil
}

// pairOf reads the tokens as those of a provider's answer are read.
func (p *rowParser) pairOf(fields map[string]json.RawMessage) (token.Pair, error) {
	answer := map[string]json.RawMessage{}
	for _, name := range []string{"refresh_token", "access_token", "user_id", "expires_at"} {
		if value := fields[name]; value != nil {
			answer[name] = value
		}
	}
	if text := textOf(fields["expires_at"]); text != "" {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			answer["expires_at"] = json.RawMessage(strconv.FormatInt(at.Unix(), 10))
		} else if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return token.Pair{}, errors.New("its expires_at is no time; write 2026-11-26T15:00:00Z or seconds since 1970")
		}
	}
	if refresh := textOf(fields["refresh_token"]); p.byHand && refresh != "" {
		if _, err := token.ReadPasted(refresh); err != nil {
			return token.Pair{}, fmt.Errorf("its refresh_token %w", err)
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return token.Pair{}, err
	}
	pair, err := consent.ParseTokens(string(text), p.now)
	if err != nil {
		return token.Pair{}, err
	}
	var list []string
	if json.Unmarshal(fields["scopes"], &list) != nil {
		list = strings.Fields(textOf(fields["scopes"]))
	}
	pair.Scopes = list
	return pair, nil
}

// textOf reads a text or a number; anything else is empty.
func textOf(raw json.RawMessage) string {
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return strings.TrimSpace(text)
	case json.Unmarshal(raw, &number) == nil:
		return number.String()
	}
	return ""
}
