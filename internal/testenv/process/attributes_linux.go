package process

import "syscall"

// attributes put a child into a process group of its own, so that Ctrl-C in a
// terminal does not reach it and its parent decides the order in which things
// stop. The kernel kills the child where the parent is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
