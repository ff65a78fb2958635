package testenv

import (
	"fmt"
	"os"
	"path/filepath"
)

// tidy removes a folder. Where logs are wanted and there are any, it leaves them
// and says where they are.
func tidy(dir string, logs bool) error {
	if logs {
		kept, err := keepLogs(dir)
		if err != nil || kept > 0 {
			_, _ = fmt.Fprintf(os.Stderr, "the servers' logs are in %s\n", dir)
			return err
		}
	}
	return os.RemoveAll(dir)
}

// keepLogs removes all that is right in the folder and no log, and counts the
// logs.
func keepLogs(dir string) (kept int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".log" {
			kept++
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return kept, err
		}
	}
	return kept, nil
}
