//go:build unix && !linux

package launch

import "syscall"

// childAttributes puts a child into a process group of its own. There is no
// parent-death signal here: children end because their input does.
func childAttributes(bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
