package keyvault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// snapshot is the data file. It carries the certificate as well, because clients
// of a killed vault still trust the old one.
type snapshot struct {
	Certificate string    `json:"certificate"`
	Key         string    `json:"key"`
	Secrets     []*object `json:"secrets"`
}

func openStore(o Options) (*store, error) {
	s := &store{
		now:           o.Now,
		deletionDelay: o.DeletionDelay,
		recoveryDelay: o.RecoveryDelay,
		creations:     limit{most: o.CreationLimit},
		others:        limit{most: o.CallLimit},
		path:          o.DataFile,
		objects:       map[string]*object{},
	}
	found, err := s.load()
	if err != nil || found {
		return s, err
	}
	if s.identity, err = newIdentity(o.DNSNames); err != nil {
		return nil, err
	}
	if err := s.save(); err != nil {
		return nil, fmt.Errorf("simulated vault: %s", err.message)
	}
	return s, nil
}

// load reads the data file, if there is one.
func (s *store) load() (found bool, err error) {
	if s.path == "" {
		return false, nil
	}
	content, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("simulated vault: read the data file: %w", err)
	}
	var snap snapshot
	if err := json.Unmarshal(content, &snap); err != nil {
		return false, fmt.Errorf("simulated vault: data file %s is not this program's: %w", s.path, err)
	}
	s.identity = identity{certificatePEM: []byte(snap.Certificate), keyPEM: []byte(snap.Key)}
	for _, o := range snap.Secrets {
		s.objects[strings.ToLower(o.Name)] = o
	}
	return true, nil
}

// save writes the data file in one step: a process killed at any moment leaves
// the old content or the new. Callers hold the lock.
func (s *store) save() *apiError {
	if s.path == "" {
		return nil
	}
	if err := s.write(); err != nil {
		return &apiError{status: 500, code: "InternalServerError", message: err.Error()}
	}
	return nil
}

func (s *store) write() error {
	content, err := json.MarshalIndent(snapshot{
		Certificate: string(s.identity.certificatePEM),
		Key:         string(s.identity.keyPEM),
		Secrets:     slices.Collect(maps.Values(s.objects)),
	}, "", "  ")
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // gone already when all went well
	if _, err := temporary.Write(content); err != nil {
		_ = temporary.Close()
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), s.path)
}
