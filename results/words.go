package results

import (
	"strconv"
	"strings"
)

// State is how far a run or a trial came.
type State string

// The states. A trial is refused where its arm cannot do its workload; one that
// is still running has lost its supervisor.
const (
	StateRunning     State = "running"
	StateComplete    State = "complete"
	StateFailed      State = "failed"
	StateRefused     State = "refused"
	StateInterrupted State = "interrupted"
	StateGone        State = "gone" // running by run.json, and nobody is; see Dir.Abandoned
)

// The parts of a trial, in their order.
const (
	PhaseIdle    = "idle" // kbench does nothing but look at the machine
	PhaseSetup   = "setup"
	PhaseWarmup  = "warmup"
	PhaseMeasure = "measure"
	PhaseDrain   = "drain"
	PhaseClose   = "close"
	PhaseAudit   = "audit"
)

// Stuck is what did not happen in a client for too long.
type Stuck string

// What a client may be stuck in.
const (
	StuckSilent Stuck = "silent" // a member hands nothing on of partitions that it owns and that have something
	StuckClose  Stuck = "close"  // its close does not return
)

// The readings of what a process holds, by which leaks are found.
const (
	ReadingBefore = "before" // any act
	ReadingAfter  = "after"  // the last one
)

// Role is what a worker does in its trial. Rows have the role of the workers
// that they are about, or RoleBroker.
type Role string

// The roles. A reference producer is a producer that is not the thing compared:
// what it does is the same in every arm. Filler puts a backlog into the topic and
// ends. Both is a producer and its consumers in one process, for drivers without
// a broker. Readback reads the topic after the measured part so that the audit
// knows what is in it. Observer asks the coordinator for its view of the group,
// again and again, and Probe each node of the cluster whether it still answers.
const (
	RoleProducer  Role = "producer"
	RoleReference Role = "reference"
	RoleFiller    Role = "filler"
	RoleConsumer  Role = "consumer"
	RoleBoth      Role = "both"
	RoleReadback  Role = "readback"
	RoleObserver  Role = "observer"
	RoleProbe     Role = "probe"
	RoleBroker    Role = "broker"
)

// UnderTest says whether the role is that of the client that is compared.
func (r Role) UnderTest() bool {
	return r == RoleProducer || r == RoleConsumer || r == RoleBoth
}

// End is how a worker's process ended. The zero value is a good end.
type End struct {
	How    How
	Code   int    // of one that exited
	Signal string // of one that a signal ended, such as SIGKILL
	Words  string // where the end is not known: what is known about it
}

// How is the manner of an End.
type How int

// The manners. A kill by anybody but kbench, such as the kernel when memory runs
// out, is no act of churn: that worker died.
const (
	Exited  How = iota
	Killed      // by a signal of kbench
	Died        // by a signal of somebody else
	Lost        // with its host
	Running     // not at all, when it was last looked at
	Unknown
)

// The words for ends in trial.json. They are written here and read here.
const (
	exitedWord  = "exited "
	killedWords = "killed by kbench: "
	diedWord    = "died: "
	lostWords   = "host lost"
	runningWord = "running"
)

// Crash says whether kbench took the worker from one moment to the next.
func (e End) Crash() bool { return e.How == Killed && e.Signal == "SIGKILL" }

// ByItself says whether the worker ended without having been told to, and not well.
func (e End) ByItself() bool { return e.How == Died || e.How == Exited && e.Code != 0 }

func (e End) String() string {
	switch e.How {
	case Exited:
		return exitedWord + strconv.Itoa(e.Code)
	case Killed:
		return killedWords + e.Signal
	case Died:
		return diedWord + e.Signal
	case Lost:
		return lostWords
	case Running:
		return runningWord
	default:
		return e.Words
	}
}

// MarshalText makes an End a string in trial.json, as it has always been.
func (e End) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText writes. Whatever else it finds is an end
// that is not known, and stays as it was written.
func (e *End) UnmarshalText(text []byte) error {
	s := string(text)
	*e = End{How: Unknown, Words: s}
	if code, ok := strings.CutPrefix(s, exitedWord); ok {
		if n, err := strconv.Atoi(code); err == nil && strconv.Itoa(n) == code {
			*e = End{How: Exited, Code: n}
		}
	} else if signal, ok := strings.CutPrefix(s, killedWords); ok {
		*e = End{How: Killed, Signal: signal}
	} else if signal, ok := strings.CutPrefix(s, diedWord); ok {
		*e = End{How: Died, Signal: signal}
	} else if s == lostWords {
		*e = End{How: Lost}
	} else if s == runningWord {
		*e = End{How: Running}
	}
	return nil
}
