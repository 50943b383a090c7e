package capture

import (
	"errors"
	"fmt"
	"os"
	"runtime/trace"
	"sync"
	"time"
)

// What the flight recorder keeps: the last seconds, and no more than so much of them,
// which of a client under load is less.
const (
	flightAge   = 5 * time.Second
	flightBytes = 16 << 20
	// flightMost is how long a file of it may be: flightBytes is a hint to the runtime.
	flightMost = 4 * flightBytes
)

// Flight is the runtime's flight recorder: an execution trace of the last seconds, which
// is kept in memory until somebody wants it. There is one in a process.
type Flight struct {
	recorder *trace.FlightRecorder
	saving   sync.Mutex
}

// StartFlight starts it.
func StartFlight() (*Flight, error) {
	f := &Flight{recorder: trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: flightAge, MaxBytes: flightBytes})}
	if err := f.recorder.Start(); err != nil {
		return nil, fmt.Errorf("flight recorder: %w", err)
	}
	return f, nil
}

// Save writes the last seconds to a file, which is there when it is whole.
func (f *Flight) Save(path string) error {
	f.saving.Lock() // the runtime allows one at a time
	defer f.saving.Unlock()
	out, err := os.Create(path + ".tmp")
	if err != nil {
		return fmt.Errorf("flight recorder: %w", err)
	}
	_, err = f.recorder.WriteTo(&bounded{out, flightMost})
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(out.Name(), path)
	}
	if err != nil {
		os.Remove(out.Name())
		return fmt.Errorf("flight recorder: %w", err)
	}
	return nil
}

// Stop ends it.
func (f *Flight) Stop() { f.recorder.Stop() }

// bounded is a file that takes no more than so many bytes.
type bounded struct {
	file *os.File
	left int
}

// Write implements io.Writer.
func (b *bounded) Write(data []byte) (int, error) {
	if len(data) > b.left {
		return 0, fmt.Errorf("it is longer than %d MiB", flightMost>>20)
	}
	b.left -= len(data)
	return b.file.Write(data)
}
