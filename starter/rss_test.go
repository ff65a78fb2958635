//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// maxRSS is the most memory that an ended process has had, in KiB; 0 where that is unknown.
func maxRSS(cmd *exec.Cmd) int64 {
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		return int64(usage.Maxrss)
	}
	return 0
}
