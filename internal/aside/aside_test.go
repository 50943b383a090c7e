package aside

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/access"
	"github.com/kbench/kbench/internal/leak"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

func TestMain(m *testing.M) { leak.Main(m) }

// TestNumbered: offsets of several topics get the numbers of their partitions.
func TestNumbered(t *testing.T) {
	topics := results.Topics{{Name: "t", First: 0, Count: 3}, {Name: "u", First: 3, Count: 2}}
	got := make(map[int32]int64)
	numbered(got, topics, map[string]map[int32]int64{"t": {0: 10, 2: 12}, "u": {0: 20, 1: 21}, "other": {0: 99}})
	if want := (map[int32]int64{0: 10, 2: 12, 3: 20, 4: 21}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestReadbackIsAlive: a topic that comes slowly, here not at all, is no reason to
// take the one who reads it for stuck.
func TestReadbackIsAlive(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() // whoever dials it is never answered
	in, job := io.Pipe()
	heard, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- worker.Main(context.Background(), nil, Parts(), in, out)
		_ = out.Close()
		_ = in.Close()
	}()
	err = json.NewEncoder(job).Encode(worker.Job{
		Name: "readback", Role: results.RoleReadback, Dir: filepath.Join(t.TempDir(), "w"), Spec: workloads.Default(), Topic: "t", Interval: time.Second, Every: 1,
		Ends: map[int32]int64{0: 5}, Access: access.Access{Seeds: []string{silent.Addr().String()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	alive, said := 0, ""
	for lines := bufio.NewScanner(heard); lines.Scan(); {
		var r worker.Report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.Say == worker.Progress {
			said = r.Error
		}
		if r.Say == worker.Alive {
			if alive++; alive == 3 {
				_ = job.Close()
			}
		}
	}
	if alive < 3 || !strings.Contains(said, "reached 0 of 5 in partition 0") {
		t.Errorf("alive %d times; how far the topic was read is told as %q", alive, said)
	}
	if err := <-ended; err != nil {
		t.Error("what was not read costs the audit's figures, not the trial:", err)
	}
}
