package cluster

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kbench/kbench/internal/launch"
)

// peak is the most memory that a process has held, bytes; 0 where the kernel does not
// tell.
func peak(t testing.TB, pid int) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	kb, _, _ := strings.Cut(rest, "kB")
	n, err := strconv.ParseInt(strings.TrimSpace(kb), 10, 64)
	if err != nil {
		t.Fatalf("VmHWM of %d: %v", pid, err)
	}
	return n << 10
}

// TestRecordsOnDisk sends a broker many times of what its memory is bounded by, reads
// all of it back, and looks for what is left when the broker has ended.
func TestRecordsOnDisk(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	below, _ := Disk()
	before := left(below)
	c, err := Start(t.Context(), Options{Kind: Embedded, Nodes: 1, OnDisk: true, Log: os.Stderr}, launch.Local{}, self())
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			_ = c.Stop(t.Context())
		}
	}()
	if title := c.Info().Title; !strings.Contains(title, "simulated") || !strings.Contains(title, "records on disk") {
		t.Errorf("it is called %s", title)
	}
	const topic, partitions, records, size = "kbench-disk", 4, 500, 2000
	// In memory it is more than the volume. What is on its way to a reader is some tens
	// of MB, and the race detector has a shadow of each.
	const volume, bound = 600 << 20, 360 << 20
	if _, err := c.CreateTopic(t.Context(), topic, partitions, 1); err != nil {
		t.Fatal(err)
	}
	each := volume / partitions / (records * size)
	for p := range int32(partitions) {
		sendAll(t, c.Access().Seeds[0], produceFrame(topic, p, records, size), each)
	}
	ends, err := c.EndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	next, bytes := map[int32]int64{}, 0
	err = ReadBack(t.Context(), c.Access(), topic, nil, ends, func(p int32, offset int64, _, value []byte) {
		if offset != next[p] {
			t.Errorf("partition %d: offset %d after %d", p, offset, next[p]-1)
		}
		next[p] = offset + 1
		bytes += len(value)
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := partitions * each * records * size; bytes != want || want < 9*(volume/10) {
		t.Errorf("read %d bytes, sent %d", bytes, want)
	}
	if most := peak(t, c.PIDs()[0]); most > bound {
		t.Errorf("%d MiB of records took %d MiB of memory", bytes>>20, most>>20)
	}
	if len(left(below)) == len(before) {
		t.Errorf("nothing is in %s", below)
	}
	stopped = true
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := left(below); len(now) > len(before) {
		t.Errorf("it leaves %v", now)
	}
}

// left are the directories of brokers that keep their records on disk.
func left(below string) []string {
	dirs, _ := filepath.Glob(filepath.Join(below, "kbench-"+Embedded+"-*"))
	return dirs
}

// sendAll sends a request again and again, each as soon as the last is answered.
func sendAll(t *testing.T, addr string, frame []byte, times int) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for range times {
		answer := make([]byte, 4)
		if _, err := conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(answer))); err != nil {
			t.Fatal(err)
		}
	}
}
