package conduct_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/internal/live"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// fetched is a page, and how it ended.
func fetched(t *testing.T, address string) (status int, body string, err error) {
	t.Helper()
	r, err := http.Get(address) //nolint:gosec // of this test's own server
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	return r.StatusCode, string(data), err
}

// TestLive looks at a producer while it works: what pprof offers comes through the
// worker's own streams, and the trial says that somebody looked.
func TestLive(t *testing.T) {
	withoutKafka(t)
	t.Parallel()
	s, err := live.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := options("live", t.TempDir(), trials([]workloads.Spec{long("looked-at")}, "sarama"))
	o.Live = s
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pages, traces := s.URL()+"/sarama/producer-0/debug/pprof/", 0
	o.Progress = &hook{workload: "looked-at", measuring: func() {
		defer cancel()
		if _, index, _ := fetched(t, s.URL()+"/"); !strings.Contains(index, "/sarama/producer-0/debug/pprof/") || !strings.Contains(index, "looked-at") {
			t.Errorf("the index does not name the producer:\n%s", index)
		}
		if status, body, err := fetched(t, pages+"goroutine?debug=1"); err != nil || status != http.StatusOK || !strings.Contains(body, "sarama.(*asyncProducer)") {
			t.Errorf("goroutines: %d, %v\n%.300s", status, err, body)
		}
		if status, body, err := fetched(t, pages+"nothing"); err != nil || status != http.StatusNotFound {
			t.Errorf("a page that is not there: %d, %v, %.100s", status, err, body)
		}
		status, body, err := fetched(t, pages+"profile?seconds=1")
		if err != nil || status != http.StatusOK {
			t.Fatalf("profile: %d, %v, %.300s", status, err, body)
		}
		if p, err := profile.ParseData([]byte(body)); err != nil || p.DurationNanos < int64(900*time.Millisecond) {
			t.Errorf("profile: %v, %v", err, p)
		}
		// Larger than one piece, which on a slow machine takes a while.
		for seconds, whole := 2, false; !whole && seconds <= 64 && !t.Failed(); seconds *= 2 {
			traces++
			_, body, err := fetched(t, fmt.Sprintf("%strace?seconds=%d", pages, seconds))
			whole = len(body) >= 64<<10
			if err != nil || !strings.HasPrefix(body, "go 1.") || !whole && seconds == 64 {
				t.Errorf("trace of %d s: %v, %d bytes", seconds, err, len(body))
			}
		}
	}}
	got, _ := run(t, ctx, o)
	got.wantStates(t, "interrupted")
	var asked []results.Asked
	for _, w := range got.trials[0].Workers {
		if len(w.Asked) > 0 && w.Name != "producer-0" {
			t.Errorf("%s was asked for %v", w.Name, w.Asked)
		}
		asked = append(asked, w.Asked...)
	}
	if len(asked) != 3+traces || asked[2].Page != "/debug/pprof/profile?seconds=1" || asked[2].To-asked[2].From < int64(900*time.Millisecond) {
		t.Errorf("trial.json says that these were asked for: %v", asked)
	}
}

// TestLiveEnds: a page of a worker that is killed in the middle of it, or that takes
// longer than the trial, does not pass for whole, and nobody hangs.
func TestLiveEnds(t *testing.T) {
	withoutKafka(t)
	t.Parallel()
	s, err := live.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := options("live-ends", t.TempDir(), trials([]workloads.Spec{long("killed")}, "franz-go"))
	o.Live = s
	l := o.Launcher.(*spy)
	o.Progress = &hook{workload: "killed", measuring: func() {
		got := make(chan int, 1)
		go func() {
			status, _, _ := fetched(t, s.URL()+"/franz-go/producer-0/debug/pprof/profile?seconds=600")
			got <- status
		}()
		underWay := false
		for range 1500 { // a minute: it takes no time where all is well
			_, body, _ := fetched(t, s.URL()+"/franz-go/producer-0/debug/pprof/goroutine?debug=1")
			if underWay = strings.Contains(body, "capture.cpuPage"); underWay {
				break
			}
			time.Sleep(40 * time.Millisecond)
		}
		if !underWay {
			t.Error("the page was never under way")
		}
		if err := syscall.Kill(l.latest(t, "producer-0").PID(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		if status := <-got; status != http.StatusBadGateway {
			t.Errorf("the page of a worker that was killed ended with %d", status)
		}
	}}
	got, _ := run(t, context.Background(), o)
	got.wantStates(t, "failed")
}

// TestLiveBesideProfiles: a CPU profile that is asked for as soon as the worker is
// there, and one in the middle of it, come out of the samples that the trial itself
// takes, which loses none by it.
func TestLiveBesideProfiles(t *testing.T) {
	withoutKafka(t)
	t.Parallel()
	s, err := live.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := trials([]workloads.Spec{short("both-look")}, "kafka-go")
	for i := range all {
		all[i].Profiled = true
	}
	o := options("live-profiles", t.TempDir(), all)
	o.Profiles, o.Live = []profiles.Kind{profiles.CPU}, s
	early, was := make(chan error, 1), make(chan struct{})
	// The worker is not told to close before the page is whole, however late it was asked for.
	o.Progress = &hook{workload: "both-look", measuring: func() { <-was }}
	go func() { // it waits for the worker
		defer close(was)
		status, body, err := fetched(t, s.URL()+"/kafka-go/producer-0/debug/pprof/profile?seconds=1")
		if err == nil && status != http.StatusOK {
			err = errors.New(body)
		}
		early <- err
	}()
	got, err := run(t, context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-early; err != nil {
		t.Errorf("asked for before it was there: %v", err)
	}
	raw, err := profiles.ReadRaw(filepath.Join(o.Out, "trials", got.trials[0].Ref.Dir, "producer-0", results.ProfilesDir, profiles.RawFile))
	if err != nil || len(raw.Samples) == 0 {
		t.Errorf("the trial's own samples: %v, %v", raw, err)
	}
}
