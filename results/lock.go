package results

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A run holds a lock on its directory for as long as its process lives, so that no
// second one writes into it, and whoever reads it sees when nobody is at work there any
// more. The lock is on the directory itself and leaves no file. Where the file system
// has none there is no lock, and run.json says so.

// errHeld says that another process has the lock.
var errHeld = errors.New("another run that is under way has it")

// hold takes the lock. It is nil without an error where there are none.
func hold(dir string, how int) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	switch err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); {
	case err == nil:
		return f, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		f.Close()
		return nil, errHeld
	default:
		f.Close()
		return nil, nil
	}
}

// InUse is an error where another run writes into a directory.
func InUse(dir string) error {
	f, err := hold(dir, unix.LOCK_SH)
	if errors.Is(err, errHeld) {
		return fmt.Errorf("%s is in use: %w", dir, err)
	}
	if f != nil {
		f.Close()
	}
	return nil
}

// Reopen opens the directory of a run that has ended before it was complete, to go on with
// it. It is held until Release.
func Reopen(dir string) (*Dir, error) {
	d, err := Open(dir)
	if err != nil {
		return nil, err
	}
	if d.lock, err = hold(dir, unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("go on with run %s: %w", dir, err)
	}
	return d, nil
}

// Release gives the lock of a directory that was created back: the run is over.
func (d *Dir) Release() {
	if d.lock != nil {
		d.lock.Close()
		d.lock = nil
	}
}

// Abandoned says that the run is not over by run.json, and that its process is gone all
// the same: nobody holds the directory that it held. Another host may not see a lock.
func (d *Dir) Abandoned() bool {
	if host, err := os.Hostname(); d.lock != nil || d.run.State != StateRunning || !d.run.Held || err != nil || host != d.run.Machine.Host {
		return false
	}
	f, err := hold(d.path, unix.LOCK_SH)
	if err != nil || f == nil {
		return false
	}
	f.Close()
	return true
}
