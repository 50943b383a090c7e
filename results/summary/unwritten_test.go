package summary

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kbench/kbench/results"
)

// What cannot be written is there to be shown all the same.
func TestUnwritten(t *testing.T) {
	d, err := results.Create(filepath.Join(t.TempDir(), "r"), &results.Run{ID: "r", State: results.StateComplete})
	if err != nil {
		t.Fatal(err)
	}
	// Not even root writes where there is a directory of that name.
	if err := os.Mkdir(filepath.Join(d.Path(), results.SummaryFile+".tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := Write(d)
	var unwritten *Unwritten
	if s == nil || s.Run != "r" || !errors.As(err, &unwritten) || unwritten.MayNot() {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, errno := range []syscall.Errno{syscall.EACCES, syscall.EPERM, syscall.EROFS} {
		if u := (&Unwritten{&os.PathError{Op: "open", Path: "summary.json.tmp", Err: errno}}); !u.MayNot() {
			t.Errorf("%v is no reason to go on", errno)
		}
	}
}
