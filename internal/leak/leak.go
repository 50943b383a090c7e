// Package leak finds goroutines that a test left behind.
package leak

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a goroutine may take to end. Each look of goleak waits for
// less than half a second, which a busy machine can keep a goroutine from running.
const patience = 30 * time.Second

// Find returns an error that names the goroutines which are there and do not end.
func Find(opts ...goleak.Option) error { return within(patience, opts...) }

func within(patience time.Duration, opts ...goleak.Option) error {
	for began := time.Now(); ; {
		err := goleak.Find(opts...)
		if err == nil || time.Since(began) > patience {
			return err
		}
	}
}

// Main runs the tests of a package and fails them where they leave goroutines.
func Main(m *testing.M, opts ...goleak.Option) {
	code := m.Run()
	if code == 0 {
		if err := Find(opts...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
