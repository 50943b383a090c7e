// Package worker is one process of a trial: one role, one driver. It reads its
// job and then commands as JSON lines, answers with JSON lines, and writes the
// raw files of its directory. It decides nothing about the trial; package
// conduct does.
//
// The protocol is a byte stream and nothing else, so that a worker may run
// behind anything that carries standard input and output. When its input ends
// the supervisor is gone, and the worker ends at once.
package worker

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/access"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// Job is the first line a worker reads.
type Job struct {
	Name     string           `json:"name"`
	Role     results.Role     `json:"role"`
	Client   string           `json:"client"`
	Dir      string           `json:"dir"`
	Settings drivers.Settings `json:"settings"`
	Spec     workloads.Spec   `json:"spec"`
	Seed     uint64           `json:"seed"`
	RunTag   uint32           `json:"run_tag"`
	Number   uint32           `json:"number"` // of this producer, or of this member
	Topic    string           `json:"topic"`
	Topics   results.Topics   `json:"topics,omitempty"` // all that the trial will ever have
	First    int32            `json:"first,omitempty"`  // the number of the first partition of this producer; it has Spec.Topic.Partitions
	Access   access.Access    `json:"access"`
	// LinkNodes are the nodes, host:port, that the link of the workload is about; none:
	// all of them.
	LinkNodes []string        `json:"link_nodes,omitempty"`
	Profiles  []profiles.Kind `json:"profiles,omitempty"`
	Hz        int             `json:"profile_hz,omitempty"` // of the CPU profile; 0: the usual
	Ballast   int             `json:"ballast,omitempty"`    // bytes to hold where others hold a profiler
	Interval  time.Duration   `json:"interval"`             // of the latency histograms
	Every     int             `json:"clock_every"`          // a power of two; see results.Trial.ClockEvery
	Hold      bool            `json:"hold,omitempty"`       // be ready, and start the client when told to join
	Begins    map[int32]int64 `json:"begins,omitempty"`     // where a readback begins, if not at 0
	Ends      map[int32]int64 `json:"ends,omitempty"`       // where a backlog or a readback ends
}

// Command is a later line from the supervisor.
type Command struct {
	Do string `json:"do"` // begin, join, reopen, offer, subscribe, link, read, end, drain, close, ask, enough or look
	// begin: when the parts of the trial start, ns of the monotonic clock. An
	// End of 0 is told later, by end.
	Warmup  int64 `json:"warmup,omitempty"`
	Measure int64 `json:"measure,omitempty"`
	End     int64 `json:"end,omitempty"`
	// offer: when the schedule of a producer that joined late starts. look: since when
	// nothing was handed on of Parts.
	Start int64   `json:"start,omitempty"`
	Parts []int32 `json:"parts,omitempty"`
	// subscribe: all topics of the member from now on. join and reopen: the same where
	// they are others than those of its job.
	Topics []string `json:"topics,omitempty"`
	// link: what it is from now on, with which nodes (none: all), and for how long.
	Link  *workloads.Link `json:"link,omitempty"`
	Nodes []string        `json:"nodes,omitempty"`
	For   time.Duration   `json:"for,omitempty"`
	// drain: the offsets to reach.
	Ends map[int32]int64 `json:"ends,omitempty"`
	// ask: a page, and the number of the request for it. enough: the request whose
	// answer nobody waits for any more.
	ID  int64  `json:"id,omitempty"`
	URL string `json:"url,omitempty"`
	// read: what the reading is called.
	Name string `json:"name,omitempty"`
}

// On is the command for a worker on a host whose clock is so much ahead of the one
// that its times are of.
func (c Command) On(ahead int64) Command {
	for _, at := range []*int64{&c.Warmup, &c.Measure, &c.End, &c.Start} {
		if *at != 0 { // else it is not known yet
			*at += ahead
		}
	}
	return c
}

// The commands.
const (
	Begin     = "begin"
	Join      = "join"
	Reopen    = "reopen"
	Offer     = "offer"
	Subscribe = "subscribe"
	Read      = "read"
	BadLink   = "link"
	End       = "end"
	Drain     = "drain"
	Close     = "close"
	Ask       = "ask"
	Enough    = "enough"
	Look      = "look"
)

// Report is a line from a worker.
type Report struct {
	Say   string `json:"say"`
	Error string `json:"error,omitempty"`
	// alive and produced: the work done so far.
	Sent      int64 `json:"sent,omitempty"`
	Acked     int64 `json:"acked,omitempty"`
	Failed    int64 `json:"failed,omitempty"`
	Delivered int64 `json:"delivered,omitempty"`
	// phase: which began, and when.
	Phase string `json:"phase,omitempty"`
	At    int64  `json:"at,omitempty"`
	// produced: per partition the offset after the last acked record; alive, and
	// progress while draining: after the last delivered one.
	Next map[int32]int64 `json:"next,omitempty"`
	// ready: how the Go runtime of this process is set, and what is otherwise than asked.
	Runtime *results.GoRuntime `json:"runtime,omitempty"`
	Note    string             `json:"note,omitempty"`
	// alive, of the probe: nodes of the broker that answer nobody, and for how many
	// seconds of its own; AnyNode where it knows none yet.
	Silent map[int32]int `json:"silent,omitempty"`
	// group: the coordinator's view.
	View *record.GroupView `json:"view,omitempty"`
	// page: a piece of one that was asked for.
	Page *Page `json:"page,omitempty"`
}

// What a worker says. Ready: the client is started. Alive: once a second.
// Phase: a part of the trial began. Joined: a held worker has its client. Reopened: a
// worker has closed its client and made a new one. HasRead: a reading is written down.
// Beat: it has sent a heartbeat. Produced: every record is answered.
// Progress: positions, while draining. Group: the observer's latest view. PageMsg: a
// piece of a page that was asked for. Done: files are complete; the process
// ends. Failed: it cannot go on.
const (
	Ready    = "ready"
	Alive    = "alive"
	PhaseMsg = "phase"
	Joined   = "joined"
	Reopened = "reopened"
	HasRead  = "read"
	Beat     = "beat"
	Produced = "produced"
	Progress = "progress"
	Group    = "group"
	PageMsg  = "page"
	Done     = "done"
	Failed   = "failed"
)

// AnyNode stands for the nodes of a broker while none is known.
const AnyNode int32 = -1

// ClientID is what a worker calls itself in its requests. The observer reads the
// worker's name back from it.
func ClientID(name string) string { return clientIDPrefix + name }

// NameIn is the name of the worker that calls itself id, if a worker does.
func NameIn(id string) (name string, ok bool) { return strings.CutPrefix(id, clientIDPrefix) }

const clientIDPrefix = "kbench-"

// reporter writes Reports, one line each.
type reporter struct {
	mu  sync.Mutex
	out io.Writer
}

func (r *reporter) say(m Report) {
	line, err := json.Marshal(m)
	if err != nil {
		line = fmt.Appendf(nil, `{"say":%q,"error":%q}`, Failed, err.Error())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// A supervisor that cannot be written to is gone, which the end of our
	// input tells too.
	_, _ = r.out.Write(append(line, '\n'))
}
