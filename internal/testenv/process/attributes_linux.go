package process

import "syscall"

// attributes put a child into a group of its own, so that Ctrl-C in a terminal
// reaches only us and the order in which things stop is ours. Where we are
// killed, the kernel kills the child: nothing is left behind.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
