package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kbench/kbench/internal/launch"
)

// mute is a broker process that says a few lines and is never ready. It ends with
// its input.
type mute struct {
	launch.Process
	says  []message
	ended chan struct{}
	in    *io.PipeWriter
	out   *io.PipeReader
}

func (m *mute) Host() launch.Host { return launch.Here{} }

func (m *mute) Start(context.Context, launch.Spec) (launch.Process, error) {
	inR, in := io.Pipe()
	out, outW := io.Pipe()
	m.in, m.out, m.ended = in, out, make(chan struct{})
	go func() {
		lines := bufio.NewReader(inR)
		_, _ = lines.ReadBytes('\n') // the options
		for _, line := range m.says {
			_ = json.NewEncoder(outW).Encode(line) // to a test that will say what is missing
		}
		_, _ = io.Copy(io.Discard, lines)
		_ = outW.Close()
		close(m.ended)
	}()
	return m, nil
}

func (m *mute) Stdin() io.WriteCloser                   { return m.in }
func (m *mute) Stdout() io.Reader                       { return m.out }
func (m *mute) Done() <-chan struct{}                   { return m.ended }
func (m *mute) Wait() launch.Exit                       { <-m.ended; return launch.Exit{} }
func (m *mute) PID() int                                { return 0 }
func (m *mute) Signal(context.Context, os.Signal) error { return os.ErrProcessDone }

// A start that hangs ends, says how long it was given and what it waited for, and
// leaves no process behind. One that has much to do is given more.
func TestStartHasADeadline(t *testing.T) {
	f := func(kind string, want time.Duration, word string, says ...message) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			t.Helper()
			var told []string
			broker := &mute{says: says}
			o := Options{Kind: kind, Progress: func(what string) { told = append(told, what) }}
			began := time.Now()
			_, err := Start(context.Background(), o, broker, []string{"broker"})
			if err == nil || !strings.Contains(err.Error(), want.String()) || !strings.Contains(err.Error(), word) {
				t.Errorf("%v, want %s and %q", err, want, word)
			}
			if took := time.Since(began); took != want {
				t.Errorf("given up after %s, want %s", took, want)
			}
			if n := len(told); n > 0 && told[n-1] != word {
				t.Errorf("told of %q, want %q last", told, word)
			}
			<-broker.ended
		})
	}
	f(Embedded, time.Minute, "first word")
	f(Kafka, 5*time.Minute, "first word")
	f(Kafka, 5*time.Minute, "formatting", message{Progress: "looking"}, message{Progress: "formatting"})
	f(Kafka, 20*time.Minute, "fetching", message{Allow: fetchLimit}, message{Progress: "fetching"})

	// What ends it from outside is told as what it is.
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		enough := errors.New("enough")
		time.AfterFunc(time.Second, func() { cancel(enough) })
		if _, err := Start(ctx, Options{Kind: Kafka}, &mute{}, []string{"broker"}); !errors.Is(err, enough) {
			t.Errorf("%v, want %v", err, enough)
		}
	})
}
