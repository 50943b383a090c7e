package launch

import "syscall"

// childAttributes puts a child into a process group of its own and, unless it
// ends by itself, has the kernel kill it when this process dies.
func childAttributes(endsItself bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if !endsItself {
		a.Pdeathsig = syscall.SIGKILL
	}
	return a
}
