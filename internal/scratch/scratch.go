// Package scratch makes temporary directories that are known to be in use for as long as
// their process lives, so that what a killed one left is told from what is not ours to
// remove, and is removed by whoever starts next.
package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dir is a temporary directory.
type Dir struct {
	Path string
	lock *os.File
}

// shape is what they are called: kbench, what they are for, a number at random.
var shape = regexp.MustCompile(`^kbench-(embedded|kafka|connection|verify)-[0-9]{1,10}$`)

// lockName is the file in it whose lock is held by its process, and by no process that
// it starts.
const lockName = "lock"

// New makes a directory below another, for one of the uses that shape has.
func New(below, use string) (*Dir, error) {
	path, err := os.MkdirTemp(below, "kbench-"+use+"-")
	if err != nil {
		return nil, err
	}
	d := &Dir{Path: path}
	if err := d.hold(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return d, nil
}

// hold makes the lock. It is held before it has its name, so that nobody ever sees it
// free while we live.
func (d *Dir) hold() error {
	early := filepath.Join(d.Path, "."+lockName)
	f, err := os.OpenFile(early, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		err = os.Rename(early, filepath.Join(d.Path, lockName))
	}
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("lock %s: %w", d.Path, err)
	}
	d.lock = f
	return nil
}

// Remove removes the directory and all that is in it.
func (d *Dir) Remove() error {
	err := os.RemoveAll(d.Path)
	_ = d.lock.Close()
	return err
}

// Keep leaves the directory, with nothing of this package in it, to whoever was told of
// it. It is never swept.
func (d *Dir) Keep() error {
	err := os.Remove(filepath.Join(d.Path, lockName))
	_ = d.lock.Close()
	return err
}

// Sweep removes what killed processes left below some directories. What cannot be
// removed stays: there is nobody to act on it.
func Sweep(below ...string) {
	for _, dir := range below {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if shape.MatchString(e.Name()) && e.IsDir() {
				removeDead(filepath.Join(dir, e.Name()))
			}
		}
	}
}

// removeDead removes a directory of ours whose process is no more.
func removeDead(path string) {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || !own(info) {
		return
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return // nobody's, or one that somebody was told of
	}
	defer lock.Close()
	if info, err = lock.Stat(); err != nil || !info.Mode().IsRegular() || !own(info) {
		return
	}
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = os.RemoveAll(path)
	}
}

// own says whether a file is this user's.
func own(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
