package record

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/leak"
)

// childEnv makes the test binary the process that is to be killed.
const childEnv = "KBENCH_RECORD_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		addUntilKilled(path)
	}
	leak.Main(m)
}

// addUntilKilled adds records in several partitions as fast as it can and
// reports on standard output, after the fact, how many each one has.
func addUntilKilled(path string) {
	d, err := CreateDeliveries(path, DeliveriesMeta{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for p := range killLanes {
		go func() {
			l := d.Lane(Delivered, 0, int32(p), 1)
			line := []byte("0000000000 0\n")
			for n := uint64(0); ; {
				// Spans of different lengths, so that kills fall into opening
				// spans and pages as well as into extending them.
				l.Add(0, n, int64(n), 0, int64(n))
				n++
				if n%uint64(3+p*50) == 0 {
					l.Cut()
				}
				if n%64 == 0 {
					line = fmt.Appendf(line[:0], "%d %d\n", p, n)
					if _, err := os.Stdout.Write(line); err != nil {
						os.Exit(1)
					}
				}
			}
		}()
	}
	select {}
}

const killLanes = 3

// Every Add that returned before the process was killed is in the file. The
// child says so only after the fact, so what it has said must be there.
func TestKilledWriterLosesNothing(t *testing.T) {
	kills := 30
	if testing.Short() {
		kills = 5
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var reported, stored uint64
	path := filepath.Join(t.TempDir(), "deliveries.bin") // one at a time: each is some megabytes
	for kill := range kills {
		said := saidUntilKilled(t, self, path)
		next := storedSpans(t, kill, path)
		for p := range said {
			if next[p] < said[p] {
				t.Errorf("kill %d: partition %d: %d records were added, %d are in the file", kill, p, said[p], next[p])
			}
			reported += said[p]
			stored += next[p]
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if reported == 0 {
		t.Fatal("no child reported anything")
	}
	t.Logf("%d kills: %d records reported, %d stored", kills, reported, stored)
}

// saidUntilKilled runs a child and kills it at a random instant. It returns how many
// records the child said that each partition has.
func saidUntilKilled(t *testing.T, self, path string) []uint64 {
	t.Helper()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]uint64, killLanes)
	lines := bufio.NewScanner(out)
	// The clock starts with the first report; the kill falls anywhere after.
	delay := time.Duration(rand.Int64N(int64(25 * time.Millisecond)))
	var timer *time.Timer
	for lines.Scan() {
		if timer == nil {
			timer = time.AfterFunc(delay, func() { _ = cmd.Process.Kill() })
		}
		p, n, ok := parseReport(lines.Text())
		if !ok {
			t.Fatalf("child said %q", lines.Text())
		}
		said[p] = n
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("child ended by itself: %v", err)
	}
	return said
}

// storedSpans is how many records of each partition are in the file: one after the
// other, as they were added.
func storedSpans(t *testing.T, kill int, path string) []uint64 {
	t.Helper()
	next := make([]uint64, killLanes)
	for _, s := range readSpans(t, path) {
		if s.First != next[s.Partition] || s.Offset != int64(s.First) || s.Kind != Delivered {
			t.Fatalf("kill %d: partition %d: span %+v, want sequence %d", kill, s.Partition, s, next[s.Partition])
		}
		// The times may be one record ahead of the count, never behind.
		if last := int64(s.First + s.Count - 1); s.At != int64(s.First) || s.LastAt < last || s.LastAt > last+1 {
			t.Fatalf("kill %d: span %+v: wrong times", kill, s)
		}
		next[s.Partition] += s.Count
	}
	return next
}

func parseReport(s string) (partition int, n uint64, ok bool) {
	a, b, found := strings.Cut(s, " ")
	p, err1 := strconv.Atoi(a)
	n, err2 := strconv.ParseUint(b, 10, 64)
	return p, n, found && err1 == nil && err2 == nil && p >= 0 && p < killLanes
}
