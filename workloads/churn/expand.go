package churn

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// The phases called best and worst lie this share of the interval beside the
// beat. Nearer to it, an act that is late by a little would come after the beat
// instead of before it, and best would become worst.
const nextToBeat = 0.05

// Expand lists the acts of a workload in the order in which they are done. The
// workload is one that has been parsed or validated. An error says that the
// timeline as a whole cannot be done, such as one that would empty the group.
//
// The others are the same workload in the other arms of its round. The order is
// that of the slowest of all, so that every arm gets the same one.
func Expand(s *workloads.Spec, seed uint64, others ...workloads.Spec) ([]Act, error) {
	t := &timeline{
		spec:     s,
		others:   others,
		rng:      rand.New(rand.NewPCG(seed, 0x636875726e)), // a stream of its own: keys and order use the seed too
		settings: map[int]map[string]any{},
	}
	for range s.Consume.Members {
		t.group = append(t.group, t.process())
	}
	for i := range s.Churn {
		t.list(i, &s.Churn[i])
	}
	for len(t.fixed)+len(t.queue) > 0 {
		if err := t.do(t.take()); err != nil {
			return nil, err
		}
	}
	return t.acts, nil
}

// A timeline is the course of a trial as far as it has been worked out.
type timeline struct {
	spec   *workloads.Spec
	others []workloads.Spec // of the same round
	rng    *rand.Rand
	fixed  []step        // acts at offsets, by offset
	queue  []step        // acts that wait for a stable group, in order
	group  []int         // who is in the group, longest first
	next   int           // number of the next process
	quiet  time.Duration // when the group is expected to have been stable for 2H, in the slowest arm
	acts   []Act
	// settings are those named so far for each process, and assignors those that
	// processes are started with once an assignor-roll has begun.
	settings  map[int]map[string]any
	assignors []string
}

// do carries out a step.
func (t *timeline) do(st step) error {
	if steps, several := t.unfold(st); several {
		t.put(st, steps)
		return nil
	}
	a, err := t.act(st)
	if err != nil {
		return fmt.Errorf("churn[%d]: %w", st.index, err)
	}
	if err := t.configure(a); err != nil {
		return fmt.Errorf("churn[%d]: %w", st.index, err)
	}
	t.acts = append(t.acts, a)
	t.quiet = max(t.quiet, a.At+t.recovery(st, a))
	t.restore(st)
	return nil
}

// recovery is the longest of any arm. It is what acts are ordered by: by its own
// recovery each arm could have an act at an offset between other acts, and with
// it other targets and phases.
func (t *timeline) recovery(st step, a Act) time.Duration {
	slowest := recovery(t.spec, a)
	for i := range t.others {
		a.SameID = sameID(&t.others[i], st.entry)
		slowest = max(slowest, recovery(&t.others[i], a))
	}
	return slowest
}

// act makes the act of a step and brings the group up to date.
func (t *timeline) act(st step) (Act, error) {
	e := st.entry
	a := Act{
		N: len(t.acts) + 1, Kind: t.kind(st), Counted: !st.restores, Of: st.of(), When: st.when, At: st.at,
		Phase: -1, PhaseOf: Nobody, Member: Nobody, NewMember: Nobody,
	}
	if st.when == Stable {
		a.At = t.quiet
	}
	if !st.restores {
		a.Phase, a.With = t.phase(e.Phase), e.With
	}
	switch d := acts.Of(a.Kind); {
	case d.Within:
		a.Member = t.victim(st)
		a.PhaseOf = a.Member
		if a.SameID = t.spec.Group.Static; !a.SameID { // it comes back as the newest
			t.gone(a.Member)
			t.group = append(t.group, a.Member)
		}
	case d.Joins && d.Ends:
		t.replace(st, &a)
	case d.Joins:
		a.PhaseOf = t.oldest()
		a.Member = t.process()
		t.group = append(t.group, a.Member)
		st.repeat.net++
	case d.Ends:
		if len(t.group) < 2 {
			return a, fmt.Errorf("act %d, a %s, would leave the group empty; write more consume.members, let others join first or leave restore on", a.N, a.Kind)
		}
		a.Member = t.victim(st)
		a.PhaseOf = a.Member
		t.gone(a.Member)
		st.repeat.net--
	case d.Stops:
		a.Member, a.For = t.victim(st), e.For
		a.PhaseOf = a.Member
		if a.For >= sessionOf(t.spec, a) { // evicted, it comes back as the newest
			t.gone(a.Member)
			t.group = append(t.group, a.Member)
		}
	case d.Link:
		a.For, a.With, a.Link = e.For, nil, t.spec.LinkDuring(e)
		a.PhaseOf = t.oldest()
		if e.Target != "all" {
			a.Member = t.victim(st)
			a.PhaseOf = a.Member
		}
	case d.Node:
		a.For, a.Fault, a.Node, a.PhaseOf, a.Pick = e.For, e.Fault, e.Node, t.oldest(), t.rng.Uint64()
		a.Request, a.Error, a.Delay = e.Request, e.Error, e.Delay
	default: // the whole group's
		a.Count, a.PhaseOf = e.Count, t.oldest()
	}
	if t.assignors != nil && a.Started() != Nobody {
		list := make([]any, len(t.assignors)) // as a document would hold it
		for i, name := range t.assignors {
			list[i] = name
		}
		with := map[string]any{"group.assignors": list}
		maps.Copy(with, a.With)
		a.With = with
	}
	return a, nil
}

// kind is the kind of act that a step comes to.
func (t *timeline) kind(st step) acts.Kind {
	switch st.what {
	case rollingStep, crashStep:
		return acts.Restart
	case assignorStep:
		return acts.AssignorStep
	case stormStep:
		// Within 1 and twice the members; else each kind is as likely.
		kinds := []acts.Kind{acts.Join, acts.Leave, acts.Crash}
		switch {
		case len(t.group) < 2:
			kinds = kinds[:1]
		case len(t.group) >= 2*t.spec.Consume.Members:
			kinds = kinds[1:]
		}
		return kinds[t.rng.IntN(len(kinds))]
	default:
		return acts.Kind(st.what)
	}
}

// replace puts a new process in the place of a member. With the same identity
// the group sees one member all along, which keeps its seniority.
func (t *timeline) replace(st step, a *Act) {
	a.Member = t.victim(st)
	a.PhaseOf = a.Member
	a.NewMember = t.process()
	a.Kill = st.what == crashStep
	a.SameID = sameID(t.spec, st.entry)
	if st.to != nil {
		a.To, t.assignors = st.to, st.to
	}
	if st.pass != nil {
		st.pass.victim = a.NewMember
	}
	if a.SameID {
		t.group[slices.Index(t.group, a.Member)] = a.NewMember
		return
	}
	t.gone(a.Member)
	t.group = append(t.group, a.NewMember)
}

// victim chooses the member that a step is done to.
func (t *timeline) victim(st step) int {
	switch {
	case st.what == crashStep && slices.Contains(t.group, st.pass.victim):
		return st.pass.victim
	case st.what == rollingStep || st.what == assignorStep:
		for _, m := range t.group {
			if m < st.pass.before {
				return m
			}
		}
		return t.oldest()
	case st.restores:
		return t.group[len(t.group)-1]
	}
	switch st.entry.Target {
	case "oldest":
		return t.oldest()
	case "newest":
		return t.group[len(t.group)-1]
	default:
		return t.group[t.rng.IntN(len(t.group))]
	}
}

// restore puts the opposite acts first in the queue when a repetition is over.
func (t *timeline) restore(st step) {
	rep, e := st.repeat, st.entry
	rep.left--
	if rep.left != 0 || st.restores || e.Restore != nil && !*e.Restore {
		return
	}
	what := string(acts.Leave)
	if rep.net < 0 {
		what = string(acts.Join)
	}
	for range max(rep.net, -rep.net) {
		t.queue = slices.Insert(t.queue, 0, step{index: st.index, entry: e, what: what, restores: true, when: Stable, repeat: &repetition{}})
	}
}

// configure notes the settings of an act. One process has one value of each.
func (t *timeline) configure(a Act) error {
	m := a.configured()
	for path, v := range a.With {
		if was, ok := t.settings[m][path]; ok && !reflect.DeepEqual(was, v) {
			return fmt.Errorf("act %d wants %s of %v from member %d, which has been given %v; write another target or the same value", a.N, path, v, m, was)
		}
		if t.settings[m] == nil {
			t.settings[m] = map[string]any{}
		}
		t.settings[m][path] = v
	}
	return nil
}

func (t *timeline) process() int {
	t.next++
	return t.next - 1
}

func (t *timeline) oldest() int { return t.group[0] }

func (t *timeline) gone(member int) {
	t.group = slices.DeleteFunc(t.group, func(m int) bool { return m == member })
}

// phase is the fraction that a document's phase stands for.
func (t *timeline) phase(written string) float64 {
	switch written {
	case "":
		return -1
	case "random":
		return t.rng.Float64()
	case "best":
		// Just before a beat. The others, who beat in step, hear of a join or leave
		// at once; and a crash has used up most of its session already.
		return 1 - nextToBeat
	case "worst":
		return nextToBeat
	default:
		f, err := strconv.ParseFloat(written, 64)
		if err != nil {
			return -1 // not in a validated workload
		}
		return f
	}
}

// sameID reports whether a process takes over the identity of the one that it
// replaces.
func sameID(s *workloads.Spec, e *workloads.ChurnEntry) bool {
	if e.ID != "" {
		return e.ID == "same"
	}
	return s.Group.Static
}

// sessionOf is the session timeout of the member that is acted on.
func sessionOf(s *workloads.Spec, a Act) time.Duration {
	if text, ok := a.With["group.session"].(string); ok {
		if d, err := time.ParseDuration(text); err == nil {
			return d
		}
	}
	return s.Group.Session
}
