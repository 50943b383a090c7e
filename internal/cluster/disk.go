package cluster

import (
	"os"

	"golang.org/x/sys/unix"
)

// The file systems that lie in memory, as the kernel numbers them.
const (
	tmpfs = 0x01021994
	ramfs = 0x858458f6
)

// Disk is where an embedded broker keeps records that are on disk, and how much is free
// there; 0: not known. A temporary directory that lies in memory is no disk.
func Disk() (dir string, free int64) {
	for _, dir = range []string{os.TempDir(), "/var/tmp"} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) != nil {
			continue
		}
		if kind := uint32(fs.Type); kind != tmpfs && kind != ramfs {
			return dir, int64(fs.Bavail) * int64(fs.Bsize)
		}
	}
	return os.TempDir(), 0
}
