package regular_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kbench/kbench/internal/regular"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("file"), []byte("12345"), 0o644))
	must(os.Symlink(at("file"), at("link")))
	must(syscall.Mkfifo(at("pipe"), 0o644))
	must(os.Symlink(at("pipe"), at("link-to-pipe")))
	must(os.Symlink("/dev/zero", at("link-to-device")))
	must(os.WriteFile(at("sparse"), nil, 0o644))
	must(os.Truncate(at("sparse"), 1<<40))

	f := func(path string, most int64, want string) {
		t.Helper()
		data, err := regular.Read(path, most)
		switch {
		case want == "":
			if err != nil || string(data) != "12345" {
				t.Errorf("%q, %v", data, err)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	f(at("file"), 5, "")
	f(at("link"), 5, "")
	f(at("file"), 4, "it has 5 bytes, and at most 4 are read; check the path")
	f(at("pipe"), 5, "it is a pipe, not a regular file; write what it holds")
	f(at("link-to-pipe"), 5, "it is a pipe, not a regular file; write what it holds")
	f("/dev/zero", 5, "a device")
	f(at("link-to-device"), 5, "a device")
	f(dir, 5, "a directory")
	f(at("sparse"), 1<<39, "at most")
	f(at("sparse"), 1<<41, "hole")
	if _, err := os.Stat("/proc/self/smaps"); err == nil {
		f("/proc/self/smaps", 5, "it has more than 5 bytes") // and says that it has none
	}
	if _, err := regular.Open(at("none"), 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
