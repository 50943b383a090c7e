package golden

import (
	"os"
	"path/filepath"
	"testing"
)

// failing counts what a test is told.
type failing struct {
	testing.TB
	errors int
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.errors++ }

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "golden")
	f := func(got string, updated bool, want int) {
		t.Helper()
		defer func(was bool) { *update = was }(*update)
		*update = updated
		told := &failing{TB: t}
		if Check(told, path, []byte(got)); told.errors != want {
			t.Errorf("%q: %d errors, want %d", got, told.errors, want)
		}
	}
	f("a\n", false, 1) // there is none
	f("a\n", true, 0)
	f("a\n", false, 0)
	f("b\n", false, 1)
	if data, err := os.ReadFile(path); err != nil || string(data) != "a\n" {
		t.Errorf("%q, %v", data, err)
	}
}
