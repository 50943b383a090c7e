package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/internal/launch"
)

// dial says whether something listens at an address.
func dial(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// serve runs Serve in this process, supervised, with o on its input.
func serve(t *testing.T, o Options) (in *io.PipeWriter, messages *json.Decoder, ended chan error) {
	t.Helper()
	inR, in := io.Pipe()
	outR, out := io.Pipe()
	ended = make(chan error, 1)
	go func() {
		err := Serve(context.Background(), Options{}, inR, out, true)
		_ = out.Close()
		ended <- err
	}()
	job, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(append(job, '\n')); err != nil {
		t.Fatal(err)
	}
	return in, json.NewDecoder(bufio.NewReader(outR)), ended
}

func TestServeEndsWithItsSupervisor(t *testing.T) {
	for _, last := range []string{"", "more\n"} {
		in, messages, ended := serve(t, Options{Kind: Embedded, Nodes: 2})
		var m message
		if err := messages.Decode(&m); err != nil || m.Ready == nil {
			t.Fatalf("%+v, %v; want ready", m, err)
		}
		seeds := m.Ready.Access.Seeds
		if len(seeds) != 2 || !dial(seeds[0]) || !dial(seeds[1]) {
			t.Errorf("seeds are %v; want two that answer", seeds)
		}
		if _, err := io.WriteString(in, last); err != nil {
			t.Fatal(err)
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if dial(seeds[0]) || dial(seeds[1]) {
			t.Error("a port is left open")
		}
	}
}

func TestServeRefusesNonsense(t *testing.T) {
	in, messages, ended := serve(t, Options{Kind: "redis"})
	defer in.Close()
	var m message
	if err := messages.Decode(&m); err != nil || !strings.Contains(m.Failed, "redis") {
		t.Errorf("%+v, %v; want why it failed", m, err)
	}
	if err := <-ended; err == nil {
		t.Error("ended without an error")
	}
	if err := Serve(context.Background(), Options{}, strings.NewReader("{}"), io.Discard, true); err == nil {
		t.Error("options without an end were taken")
	}
	if err := Serve(context.Background(), Options{}, strings.NewReader("nonsense\n"), io.Discard, true); err == nil {
		t.Error("nonsense was taken for options")
	}
	if err := Serve(context.Background(), Options{Kind: Attached, Brokers: []string{"a:1"}}, nil, io.Discard, false); err == nil {
		t.Error("a broker that is not ours was served")
	}
}

// lineWriter hands on what is printed.
type lineWriter chan string

func (w lineWriter) Write(b []byte) (int, error) {
	w <- string(b)
	return len(b), nil
}

func TestServeForAHuman(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	printed, ended := make(lineWriter, 1), make(chan error, 1)
	o := Options{Kind: Embedded, Nodes: 1, Security: Security{TLS: true, SASL: "PLAIN"}}
	go func() { ended <- Serve(ctx, o, nil, printed, false) }()
	text := strings.Split(<-printed, "\n")
	if len(text) != 4 || !strings.Contains(text[0], "simulated broker") || !dial(text[1]) {
		t.Fatalf("printed %q", text)
	}
	// Another tool reaches it with what was printed.
	_, path, _ := strings.Cut(text[2], ": ")
	access, err := AttachedAccess([]string{text[1]}, path, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	if found, _, err := identify(ctx, access); err != nil || found.Nodes != 1 {
		t.Errorf("found %+v, %v", found, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if dial(text[1]) {
		t.Error("the port is left open")
	}
}

func TestEmbeddedKilledIsReported(t *testing.T) {
	ctx := deadline(t)
	c, err := Start(ctx, Options{Kind: Embedded, Nodes: 2}, launch.Local{}, self())
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(c.pids[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-c.Died():
		if !strings.Contains(err.Error(), "SIGKILL") {
			t.Errorf("%q does not say what ended it", err)
		}
	case <-ctx.Done():
		t.Fatal("the broker was killed and nobody said so")
	}
	if err := c.Stop(ctx); err == nil {
		t.Error("a broker that was killed stopped in good order")
	}
}

func TestStopIsNotADeath(t *testing.T) {
	c := start(t, Options{Kind: Embedded, Nodes: 1})
	for range 2 { // the second does nothing
		if err := c.Stop(deadline(t)); err != nil {
			t.Error(err)
		}
	}
	select {
	case err := <-c.Died():
		t.Errorf("a stop was reported as %q", err)
	default:
	}
}

// A broker that does not stop in time is killed.
func TestStopInTime(t *testing.T) {
	c, err := Start(deadline(t), Options{Kind: Embedded, Nodes: 1}, launch.Local{}, self())
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(c.PIDs()[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Stop(ctx); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("%v, want one that says that it was killed", err)
	}
	if alive(c.PIDs()[0]) {
		t.Error("the process is left")
	}
}

func TestReadBackDoesNotSkip(t *testing.T) {
	c := start(t, Options{Kind: Embedded, Nodes: 1, Blackhole: true})
	ctx := deadline(t)
	if _, err := c.CreateTopic(ctx, "kbench-hole", 1, 1); err != nil {
		t.Fatal(err)
	}
	produce(t, c.Access(), "kbench-hole", 1, 10)
	ends, err := c.EndOffsets(ctx, "kbench-hole")
	if err != nil || ends[0] != 10 {
		t.Fatalf("ends are %v, %v; want 10", ends, err)
	}
	// The records were dropped: reading them back cannot succeed, and must not
	// pretend to.
	brief, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err = ReadBack(brief, c.Access(), "kbench-hole", nil, ends, func(int32, int64, []byte, []byte) { t.Error("a dropped record was read") })
	if err == nil || !strings.Contains(err.Error(), "0 of 10 in partition 0") {
		t.Errorf("%v, want one that says how far it came", err)
	}
	if err := ReadBack(ctx, c.Access(), "kbench-hole", nil, map[int32]int64{0: 0}, nil); err != nil {
		t.Errorf("reading nothing: %v", err)
	}
}

func TestEmbeddedProperties(t *testing.T) {
	c := start(t, Options{Kind: Embedded, Nodes: 1, Props: map[string]string{"message.max.bytes": "2000"}})
	if _, err := c.CreateTopic(deadline(t), "kbench-small", 1, 1); err != nil {
		t.Fatal(err)
	}
	cl, err := connect(c.Access(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	err = cl.ProduceSync(deadline(t), &kgo.Record{Topic: "kbench-small", Value: make([]byte, 4000)}).FirstErr()
	if !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("a record above the limit that was set: %v", err)
	}
}

// The embedded broker keeps records in memory; deleting the topic must give it
// back, or a run would grow from trial to trial.
func TestEmbeddedGivesMemoryBack(t *testing.T) {
	in, messages, ended := serve(t, Options{Kind: Embedded, Nodes: 1})
	var m message
	if err := messages.Decode(&m); err != nil || m.Ready == nil {
		t.Fatalf("%+v, %v; want ready", m, err)
	}
	adm, err := newAdmin(m.Ready.Access)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{access: m.Ready.Access, info: m.Ready.Info, internal: adm}
	const topic, total = "kbench-memory", 64 << 20
	if _, err := c.CreateTopic(deadline(t), topic, 1, 1); err != nil {
		t.Fatal(err)
	}
	before := heap()
	cl, err := connect(c.Access(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	value := bytes.Repeat([]byte("x"), 512<<10)
	for range total / len(value) {
		if err := cl.ProduceSync(deadline(t), &kgo.Record{Topic: topic, Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	cl.Close()
	if held := heap() - before; held < total {
		t.Fatalf("%d bytes are held, fewer than the %d produced: the test measures nothing", held, total)
	}
	if err := c.DeleteTopic(deadline(t), topic); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { // what goroutines that end have in hand is held a little longer
		if held := heap() - before; held > total/4 {
			return fmt.Errorf("%d bytes of %d are held after the topic was deleted", held, total)
		}
		return nil
	})
	adm.close()
	_ = in.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
