package record

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/kbench/kbench/internal/regular"
)

// mostBytes is how long a raw file may be to be read.
const mostBytes = 64 << 30

// Events writes events.jsonl. Events are rare beside records (group requests,
// sums per interval), so each is one write to the file and is there when Write
// returns.
type Events struct {
	mu  sync.Mutex
	f   *os.File
	err error // the first; nothing is written after it
}

// CreateEvents makes the file at path, which must not exist.
func CreateEvents(path string) (*Events, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create events: %w", err)
	}
	return &Events{f: f}, nil
}

// Write appends one event. It may be called from many goroutines. An error is
// kept for Err; after it nothing more is written, because the file may end in
// half a line.
func (e *Events) Write(ev Event) {
	line, err := json.Marshal(ev)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return
	}
	if err == nil {
		_, err = e.f.Write(append(line, '\n'))
	}
	if err != nil {
		e.err = fmt.Errorf("%s: write event: %w", e.f.Name(), err)
	}
}

// Err returns why events were lost, or nil.
func (e *Events) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// Close closes the file.
func (e *Events) Close() error {
	if err := e.f.Close(); err != nil {
		return fmt.Errorf("close events: %w", err)
	}
	return nil
}

// ReadEvents calls fn for each event of a file, in order, until fn returns an
// error. A last line without its newline is what a killed writer leaves behind
// and is passed over unless it is whole; any other line that cannot be read is
// an error that names file and line.
func ReadEvents(path string, fn func(Event) error) error {
	f, err := regular.Open(path, mostBytes)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer f.Close()
	err = regular.Lines(f, func(n int, line []byte, torn bool) error {
		var ev Event
		if err := json.Unmarshal(line, &ev); err == nil {
			return fn(ev)
		} else if !torn {
			return fmt.Errorf("%s:%d: not an event: %w", path, n, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	return nil
}
