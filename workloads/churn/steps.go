package churn

import (
	"cmp"
	"slices"
	"time"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// A step is what is left to do of an entry: an act, or several that are listed
// when its turn comes, because only then it is known who is in the group.
type step struct {
	index    int // of the entry
	entry    *workloads.ChurnEntry
	what     string
	restores bool
	when     When
	at       time.Duration
	repeat   *repetition
	pass     *pass
	to       []string // of an assignor-step
}

// What the steps of a sequence are called until it is known which act they come
// to. A document cannot ask for them by these names.
const (
	rollingStep  = "a step of rolling"
	crashStep    = "a step of crashloop"
	stormStep    = "a step of storm"
	assignorPass = "a pass of assignor-roll"
	assignorStep = "a step of assignor-roll"
)

// A repetition is what is undone as a whole: one act, one turn of a cycle, a
// storm.
type repetition struct {
	left int // acts still to come
	net  int // members more than before
}

// A pass is a sequence of restarts whose victims hang together.
type pass struct {
	before int // rolling: processes from this number on are new already
	victim int // crashloop: who is killed next
}

// list puts the steps of an entry in their places.
func (t *timeline) list(index int, e *workloads.ChurnEntry) {
	turn := e.Cycle
	if len(turn) == 0 {
		turn = []string{e.Do}
	}
	at := e.At
	for range max(e.Times, 1) {
		rep := &repetition{left: len(turn)}
		for _, what := range turn {
			st := step{index: index, entry: e, what: what, when: Stable, repeat: rep}
			if e.When == "" {
				st.when, st.at = At, at
				at += e.Every
				t.fix(st)
				continue
			}
			t.queue = append(t.queue, st)
		}
	}
}

// fix puts a step behind those of its offset.
func (t *timeline) fix(st step) {
	i, _ := slices.BinarySearchFunc(t.fixed, st, func(a, b step) int {
		return cmp.Or(cmp.Compare(a.at, b.at), -1)
	})
	t.fixed = slices.Insert(t.fixed, i, st)
}

// take removes the step that is expected to be the next: the fixed ones at
// their offsets, and the others in between, once the group is stable.
func (t *timeline) take() step {
	if len(t.queue) == 0 || len(t.fixed) > 0 && t.fixed[0].at <= t.quiet {
		st := t.fixed[0]
		t.fixed = t.fixed[1:]
		return st
	}
	st := t.queue[0]
	t.queue = t.queue[1:]
	return st
}

// unfold lists the steps of a sequence; false for an act.
func (t *timeline) unfold(st step) ([]step, bool) {
	e := st.entry
	rest := func(what string, at time.Duration, p *pass, to []string) step {
		next := st
		next.what, next.at, next.pass, next.to = what, at, p, to
		return next
	}
	var steps []step
	switch st.what {
	case string(acts.Rolling), assignorPass:
		p, one := &pass{before: t.next}, rollingStep
		if st.what == assignorPass {
			one = assignorStep
		}
		for i := range t.group {
			steps = append(steps, rest(one, st.at+time.Duration(i)*e.Every, p, st.to))
		}
	case string(acts.AssignorRoll):
		// First every member learns the new assignors and keeps the old ones, which
		// are dropped once no member is left that knows nothing else.
		both := slices.Clone(e.To)
		for _, a := range t.spec.Group.Assignors {
			if !slices.Contains(both, a) {
				both = append(both, a)
			}
		}
		second := st.at + time.Duration(len(t.group))*e.Every
		steps = append(steps, rest(assignorPass, st.at, nil, both), rest(assignorPass, second, nil, e.To))
	case string(acts.Crashloop):
		p := &pass{victim: Nobody}
		for at := st.at; at < st.at+e.For; at += e.Every {
			steps = append(steps, rest(crashStep, at, p, nil))
		}
	case string(acts.Storm):
		gap := func() time.Duration {
			return time.Duration(t.rng.ExpFloat64() / e.Rate.PerSecond * float64(time.Second))
		}
		for at := st.at + gap(); at < st.at+e.For; at += gap() {
			steps = append(steps, rest(stormStep, at, nil, nil))
		}
	default:
		return nil, false
	}
	st.repeat.left = len(steps)
	return steps, true
}

// put puts the steps of a sequence where the sequence stood.
func (t *timeline) put(st step, steps []step) {
	if st.when == Stable {
		t.queue = slices.Insert(t.queue, 0, steps...)
		return
	}
	for _, s := range steps {
		t.fix(s)
	}
}

// of names the entry that a step comes from.
func (st step) of() string {
	if st.entry.Do != "" {
		return st.entry.Do
	}
	return st.what
}
