package blame

import "github.com/kbench/kbench/results"

// Signs are what the sources of stalls showed of themselves while a trial ran, on
// the clock of the trial. What was not recorded is left out: nothing is blamed for
// it then, and Signs that have nothing tell of no stalls.
type Signs struct {
	Injected   []Injected
	Processes  []Process // with a canary: workers, the supervisor, the probe
	Machines   []Machine // one of each host
	Answers    []Answers // of the broker, to the probe and to clients
	Generators []Generator
}

// Late is a sign that came later than it was due:
//
//	Timely        Due   usual         At
//	  |            |------|--- certain -|
//	  |----------- possible ------------|
//
// Timely is when the same source last gave a sign that was no more than usually
// late: it was well then. Due is when this one was to come at the earliest, and it
// usually comes a while after that: the Usual of the source. What goes beyond that
// it surely was not well; since when before that is not known. Only signs that are
// later than 10 ms above what is usual need to be there, but more do no harm.
type Late struct{ Timely, Due, At int64 }

// Injected is what a stretch of time was taken from on purpose: an act that stops
// a member or a node, a fault of the link.
type Injected struct {
	results.Interval
	What   string // a word for it, such as the kind of the act
	Worker string // that it was done to; "" where it was a node
	Node   int32  // -1 where it was a worker; with a worker it is what lies between the two
	Group  bool   // of a node: only what is asked of it about the group

	// Of an act on nodes of the broker: what nobody served meanwhile, and when that may
	// have been so beyond what is sure.
	Unserved Unserved
	Possible results.Interval
}

// Unserved is what no node of the broker served, whichever was to: a partition, or the
// group. The zero value is nothing of the kind.
type Unserved struct {
	Is        bool
	Group     bool
	Partition int32 // where it is not the group
}

// Kind is what a process is to the client under test.
type Kind string

// The kinds of processes.
const (
	Client     Kind = "client"     // runs the client under test: its stalls excuse nobody
	Reference  Kind = "reference"  // produces for the arm
	Supervisor Kind = "supervisor" // of the trial: its canary stands for its machine
	Watcher    Kind = "watcher"    // only looks: the observer, the probe
)

// Process is the canary of one process: a thread that only sleeps, for a nap at a
// time. A nap is due to end when it was to, and the last one that ended in time is
// the timely sign.
type Process struct {
	Name  string // of the worker, or results.SupervisorProcess
	Host  string // "" is the supervisor's
	Kind  Kind
	Usual int64 // the median of At - Due of all naps in the trial
	Late  []Nap
}

// Nap is one that ended late. CPU is what the whole process used from Timely to
// At; -1 where nobody knows, and then nothing is said to have suspended it.
type Nap struct {
	Late
	CPU int64
}

// Machine is who used the processors of a host.
type Machine struct {
	Host  string
	Loads []Load // in the order of time, of about 100 ms each
}

// Load is the CPU time used in a stretch, ns summed over the cores. Foreign is
// user, nice and system time of processes that are not kbench's, without softirq;
// Procs has kbench's own, by the names of machine.jsonl. Waited is for how long the
// threads of those, summed, had waited for a processor when they were given one; of who
// is not in it that is not known.
type Load struct {
	results.Interval
	Idle, Foreign, Steal int64
	Procs, Waited        map[string]int64
}

// Asked is what a node was asked.
type Asked string

// What nodes are asked. The first three are asked by the probe; produce and fetch
// by clients, as far as the client was already waiting in Read for the response.
const (
	Metadata    Asked = "metadata"    // of every node: it stands for all that is on it
	Coordinator Asked = "coordinator" // DescribeGroups: it stands for the group
	Leader      Asked = "leader"      // ListOffsets of the partitions that it leads, in turn
	Produce     Asked = "produce"
	Fetch       Asked = "fetch" // less the long poll
)

// Answers are the late answers of a node to one kind of question by one process.
// An answer is due as soon as it is asked for, that of a fetch when the long poll is
// over. The timely sign is the answer before it, or when it was asked for where
// there is none before.
type Answers struct {
	Node    int32
	Asked   Asked
	By      string // the process that asked
	Process string // the node's own process in Load.Procs; "" where it is not ours
	Usual   int64  // the median of At - Due
	Late    []Late
}

// Generator is the lateness of the loop that hands records to a client: due by
// schedule against handed over, less the time inside Send and the time without
// room in the window. Of a reference producer nothing is taken off: its client is
// not under test.
type Generator struct {
	Worker string
	Usual  int64
	Late   []Late
}
