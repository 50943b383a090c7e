package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// An hour of 100,000 records/s as the loopback driver leaves it, and one with an act
// of churn in each minute: twelve partitions, a span for what each had in 10 ms, 8.6
// million of them. What it takes to report on them must stay within bounds and grow
// with their length alone. "make hour" runs this; it wants 4 GB of disk and a machine
// with nothing else to do.
func TestHour(t *testing.T) {
	lengths := os.Getenv("KBENCH_HOUR")
	if lengths == "" {
		t.Skip("KBENCH_HOUR holds no lengths in minutes")
	}
	kbench := filepath.Join(t.TempDir(), "kbench")
	if out, err := exec.Command("go", "build", "-o", kbench, "../../cmd/kbench").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, churn := range []bool{false, true} {
		most, memory := 15*time.Second, int64(300)
		if churn {
			most, memory = 30*time.Second, 500
		}
		for _, length := range strings.Split(lengths, ",") {
			minutes, err := strconv.Atoi(length)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "run")
			// In a process of its own: what that maps would count for the next.
			write := exec.Command(os.Args[0], "-test.run=TestWriteHour", "-test.v")
			write.Env = append(os.Environ(), "KBENCH_HOUR_WRITE="+path, fmt.Sprintf("KBENCH_HOUR_LENGTH=%d", minutes), fmt.Sprintf("KBENCH_HOUR_CHURN=%t", churn))
			written, err := write.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, written)
			}
			cmd := exec.Command(kbench, "report", path)
			var out, errOut bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errOut
			began := time.Now()
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, errOut.Bytes())
			}
			took := time.Since(began)
			rss := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
			t.Logf("%d minutes, churn %t: %s, report took %.1f s (%.1f s of CPU) and %d MB", minutes, churn, regexp.MustCompile(`\d+ spans`).Find(written), took.Seconds(), cmd.ProcessState.UserTime().Seconds()+cmd.ProcessState.SystemTime().Seconds(), rss)
			if keep := os.Getenv("KBENCH_HOUR_KEEP"); keep != "" {
				t.Logf("%s", out.Bytes())
				if err := os.Rename(path, fmt.Sprintf("%s-%d-%t", keep, minutes, churn)); err != nil {
					t.Fatal(err)
				}
			}
			if share := float64(minutes) / 60; took.Seconds() > most.Seconds()*max(share, 0.1) || rss > memory {
				t.Errorf("that is more than %s and %d MB for an hour", most, memory)
			}
			os.RemoveAll(path)
		}
	}
}

// TestWriteHour writes the run that TestHour reports on.
func TestWriteHour(t *testing.T) {
	path := os.Getenv("KBENCH_HOUR_WRITE")
	if path == "" {
		t.Skip("KBENCH_HOUR_WRITE holds no path; TestHour sets it")
	}
	minutes, err := strconv.Atoi(os.Getenv("KBENCH_HOUR_LENGTH"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d spans", writeHour(t, path, minutes, os.Getenv("KBENCH_HOUR_CHURN") == "true"))
}

// hour is a trial being made up. Times are ns since its start but for base.
type hour struct {
	t       *testing.T
	path    string
	base    int64
	end     int64
	trial   *results.Trial
	files   map[string]*record.Deliveries
	events  map[string][]record.Event
	from    map[string]int64 // when a worker was there
	to      map[string]int64
	corr    int32
	members []string
	owners  []owner // by partition
	tenures uint32
	joined  int
	epoch   int32
	spans   int
}

// owner is who has a partition and how far it is.
type owner struct {
	member string
	lane   *record.SpanLane
	since  int64 // no delivery before
	next   uint64
}

const (
	hourPartitions = 12
	hourTick       = int64(10e6)
	hourSession    = int64(6e9)
	hourBeat       = int64(1e9)
)

// writeHour writes a run of one trial and returns how many spans it has.
func writeHour(t *testing.T, path string, minutes int, churn bool) int {
	t.Helper()
	ref := results.TrialRef{N: 1, Dir: "001-a-1", Workload: "hour", Arm: "a", Client: "loopback", Lane: "matched", Round: 1}
	h := &hour{t: t, base: int64(1e12), end: int64(minutes) * 60e9, files: map[string]*record.Deliveries{}, events: map[string][]record.Event{}, from: map[string]int64{}, to: map[string]int64{}, owners: make([]owner, hourPartitions)}
	spec := workloads.Spec{Name: "hour"}
	spec.Topic.Partitions, spec.Records.Size.Fixed, spec.Records.Keys.Kind = hourPartitions, 100, "none"
	spec.Produce.Rate.PerSecond, spec.Produce.Schedule.Kind = 100_000, "constant"
	spec.Group.Heartbeat, spec.Group.Session, spec.Pause.Theta = time.Duration(hourBeat), time.Duration(hourSession), 100*time.Millisecond
	h.trial = &results.Trial{
		Ref: ref, Spec: spec, Kind: workloads.EndToEnd, State: results.StateComplete, RunTag: 7, Topic: "t", ClockEvery: 1,
		Phases: []results.Phase{{Name: "warmup", From: h.base, To: h.base + 1e9}, {Name: "measure", From: h.base + 1e9, To: h.base + h.end}, {Name: "drain", From: h.base + h.end, To: h.base + h.end + 1e9}},
	}
	d, err := results.Create(path, &results.Run{ID: "hour", State: results.StateComplete, Specs: []workloads.Spec{spec}, Order: []results.TrialRef{ref}, Broker: results.Broker{Kind: "embedded"}})
	h.check(err)
	h.path, err = d.CreateTrial(h.trial)
	h.check(err)

	producer := "both-0"
	if churn {
		h.trial.Group, producer = "g", "reference-0"
		h.trial.Spec.Churn = []workloads.ChurnEntry{{Do: "join"}}
		h.start("observer", results.RoleObserver, 0)
		for range 3 {
			h.join(0)
		}
		h.start(producer, results.RoleReference, 0)
		h.assign(0, 0)
	} else {
		h.start(producer, results.RoleBoth, 0)
		for p := range h.owners {
			h.owners[p].lane = h.files[producer].Lane(record.Delivered, 0, int32(p), 1)
		}
	}
	h.course(producer, churn)
	for w := range h.files {
		h.finish(w, churn)
	}
	h.check(d.WriteTrial(h.trial))
	return h.spans
}

func (h *hour) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *hour) start(name string, role results.Role, at int64) {
	h.trial.Workers = append(h.trial.Workers, results.Worker{Name: name, Role: role, Client: "loopback"})
	dir := filepath.Join(h.path, name)
	h.check(os.Mkdir(dir, 0o755))
	f, err := record.CreateDeliveries(filepath.Join(dir, results.DeliveryFile), record.DeliveriesMeta{Run: 7, Worker: name, Topics: []string{"t"}})
	h.check(err)
	h.files[name], h.from[name], h.to[name] = f, at, h.end
}

// course lets time pass, tick by tick, with an act in the middle of each minute.
func (h *hour) course(producer string, churn bool) {
	var acks [hourPartitions]*record.SpanLane
	for p := range acks {
		acks[p] = h.files[producer].Lane(record.Acked, 0, int32(p), 0)
	}
	const step = int64(hourPartitions * 1e9 / 100_000) // between records of a partition
	var made [hourPartitions]uint64
	for tick := int64(0); tick < h.end; tick += hourTick {
		if churn && tick%60e9 == 30e9 {
			h.act(int(tick/60e9), tick)
		}
		for p := range acks {
			first := made[p]
			for ; int64(made[p])*step < tick; made[p]++ {
				acks[p].Add(0, made[p], int64(made[p]), h.base+int64(made[p])*step, h.base+tick+1e6+int64(made[p]-first)*100)
			}
			acks[p].Cut()
			h.spans++
			o := &h.owners[p]
			if o.since > tick {
				continue
			}
			// What had waited comes twenty times as fast.
			upTo := min(made[p], o.next+20*uint64(hourTick/step))
			for i := range upTo - o.next {
				o.lane.Add(0, o.next+i, int64(o.next+i), h.base+int64(o.next+i)*step, h.base+tick+2e6+int64(i)*200)
			}
			o.next = upTo
			o.lane.Cut()
			h.spans++
		}
	}
}

// act does the act of a minute: somebody joins, and then another goes, in good order
// or not.
func (h *hour) act(n int, at int64) {
	act := results.Act{N: n + 1, Counted: true, At: h.base + at, Planned: h.base + at}
	switch n % 4 {
	case 0, 2:
		act.Kind, act.Member = "join", h.join(at)
		h.rebalance(at+200e6, at)
	case 1:
		act.Kind, act.Member = "leave", h.members[0]
		h.request(act.Member, at+5e6, record.Event{API: group.LeaveGroup}, record.Event{})
		h.leave(at)
		act.Gone = h.base + at + 6e6
		h.rebalance(at+5e6, at)
	case 3:
		act.Kind, act.Member = "crash", h.members[0]
		h.trial.Workers[indexOf(h.trial.Workers, act.Member)].Exit = results.End{How: results.Killed, Signal: "SIGKILL"}
		h.leave(at)
		act.Gone = h.base + at + 1e6
		h.rebalance(at-at%hourBeat+hourSession, at)
	}
	h.trial.Acts = append(h.trial.Acts, act)
}

func indexOf(list []results.Worker, name string) int {
	for i := range list {
		if list[i].Name == name {
			return i
		}
	}
	return -1
}

func (h *hour) join(at int64) string {
	name := fmt.Sprintf("consumer-%d", h.joined)
	h.joined++
	h.members = append(h.members, name)
	h.start(name, results.RoleConsumer, at)
	return name
}

// leave takes the oldest member out.
func (h *hour) leave(at int64) {
	for p := range h.owners {
		if h.owners[p].member == h.members[0] {
			h.owners[p].since = math.MaxInt64 // nobody has it
		}
	}
	h.to[h.members[0]] = at
	h.members = h.members[1:]
}

// rebalance lets every member know with its next beat after t0.
func (h *hour) rebalance(t0, act int64) { h.assign(t0-t0%hourBeat+hourBeat, act) }

// assign gives the partitions out anew: all members join at a time, and deliver again
// 20 ms later. A crash was 6 s before that, and costs what was not committed.
func (h *hour) assign(at, act int64) {
	h.epoch++
	for i, m := range h.members {
		h.request(m, at, record.Event{API: group.Heartbeat, Generation: h.epoch - 1}, record.Event{Err: group.RebalanceInProgress})
		h.request(m, at+2e6, record.Event{API: group.JoinGroup}, record.Event{Generation: h.epoch, Protocol: "range"})
		var parts []drivers.TopicPartition
		for p := i; p < hourPartitions; p += len(h.members) {
			parts = append(parts, drivers.TopicPartition{Topic: "t", Partition: int32(p)})
		}
		h.request(m, at+5e6, record.Event{API: group.SyncGroup, Generation: h.epoch}, record.Event{Generation: h.epoch, Parts: parts})
		for _, p := range parts {
			o := &h.owners[p.Partition]
			h.tenures++
			o.member, o.lane = m, h.files[m].Lane(record.Delivered, 0, p.Partition, h.tenures)
			o.since = at + 20e6
			if back := uint64(4000); at-act > 5e9 && o.next > back {
				o.next -= back // not committed when its owner was killed
			}
		}
	}
}

// request adds a request and its response, 1 ms later, to the events of a worker.
func (h *hour) request(worker string, at int64, req, resp record.Event) {
	h.corr++
	req.K, req.T, req.Conn, req.Corr, req.Group = record.EvRequest, h.base+at, 1, h.corr, "g"
	resp.K, resp.T, resp.Conn, resp.Corr, resp.API = record.EvResponse, h.base+at+1e6, 1, h.corr, req.API
	h.events[worker] = append(h.events[worker], req, resp)
}

// finish writes what else a worker leaves: samples each second, beats and commits, and
// histograms each second, or with churn ten times as often.
func (h *hour) finish(worker string, churn bool) {
	h.check(h.files[worker].Close())
	from, to := h.from[worker], h.to[worker]
	role := h.trial.Workers[indexOf(h.trial.Workers, worker)].Role
	for at := from; at < to; at += 1e9 {
		now := h.base + at
		h.events[worker] = append(h.events[worker],
			record.Event{T: now, K: record.EvRuntime, Runtime: &record.Runtime{CPUUser: at / 4, Allocs: at / 1000, RSS: 1 << 25}},
			record.Event{T: now + 1e9, From: now, K: record.EvWire, Open: 3, Wire: []record.WireAPI{{API: 1, Requests: 100, ReqBytes: 1e5, Responses: 100, RespBytes: 1e7}}},
			record.Event{T: now + 1e9, From: now, K: record.EvCanary, Worst: 1e6}, record.Event{T: now, K: record.EvClock, Wall: now + 1e18})
		if churn && role == results.RoleConsumer {
			h.request(worker, at+1e5, record.Event{API: group.Heartbeat, Generation: h.epoch}, record.Event{})
		}
		for i := int64(0); churn && role == results.RoleObserver && i < 4; i++ {
			h.events[worker] = append(h.events[worker], record.Event{T: now + i*25e7, From: now + i*25e7 - 1e6, K: record.EvGroup, View: &record.GroupView{State: "Stable"}})
		}
	}
	var lines bytes.Buffer
	for _, e := range h.events[worker] {
		line, err := json.Marshal(e)
		h.check(err)
		lines.Write(append(line, '\n'))
	}
	dir := filepath.Join(h.path, worker)
	h.check(os.WriteFile(filepath.Join(dir, results.EventsFile), lines.Bytes(), 0o644))

	metrics := map[results.Role][]string{
		results.RoleConsumer: {"e2e.response"}, results.RoleReference: {"produce.response", "produce.service", "schedule.lag"},
		results.RoleBoth: {"e2e.response", "produce.response", "produce.service", "schedule.lag"},
	}[role]
	every := int64(1e9)
	if churn {
		every /= 10
	}
	header, encoded := oneInterval(h.t, int(every/10_000))
	f, err := os.Create(filepath.Join(dir, results.LatencyFile))
	h.check(err)
	h.check(write(f, header))
	for at := from; at < to; at += every {
		lines.Reset()
		for _, m := range metrics {
			fmt.Fprintf(&lines, "Tag=%s.measure,%d.%09d,0.%09d,3.0,%s\n", m, at/1e9, at%1e9, min(every, 999_999_999), encoded)
		}
		h.check(write(f, lines.Bytes()))
	}
	h.check(f.Close())
}

func write(f *os.File, b []byte) error {
	_, err := f.Write(b)
	return err
}

// oneInterval is the head of a latency file, and a histogram of so many values as a
// worker writes it.
func oneInterval(t *testing.T, values int) (header, encoded []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "one")
	w, err := record.CreateLatencies(path, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := w.Series("x")
	now := record.Now()
	for i := range values {
		s.Record(now, now, 1e6+int64(i*7919%9973)*1000)
	}
	s.Close()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("Tag="))
	line := bytes.TrimSpace(data[at:])
	// Times count from the start of the trial, which is another's.
	header = bytes.ReplaceAll(data[:at], []byte(fmt.Sprintf("[MonotonicOrigin: %d", originOf(data))), []byte("[MonotonicOrigin: 1000000000000"))
	return header, line[bytes.LastIndexByte(line, ',')+1:]
}

func originOf(data []byte) int64 {
	_, rest, _ := bytes.Cut(data, []byte("[MonotonicOrigin: "))
	n, _, _ := bytes.Cut(rest, []byte(" "))
	v, _ := strconv.ParseInt(string(n), 10, 64)
	return v
}
