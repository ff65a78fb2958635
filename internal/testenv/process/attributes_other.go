//go:build !linux

package process

import "syscall"

// attributes put a child into a process group of its own; see Linux's.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
