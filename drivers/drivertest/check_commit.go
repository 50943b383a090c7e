package drivertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kbench/kbench/drivers"
)

// pollGap is how often the broker is asked while a check waits for it.
const pollGap = 20 * time.Millisecond

func commitChecks() []Check {
	return []Check{{
		Name:  "commit-sync",
		About: "with sync commits nothing is committed until Commit, which commits the marks and none below or beyond them",
		Run:   checkCommitSync,
	}, {
		Name:  "commit-marked",
		About: "with marked commits the marks are committed on the interval, and nothing beyond them",
		Run:   checkCommitMarked,
	}, {
		Name:  "commit-auto",
		About: "with automatic commits what was delivered is committed on the interval",
		Run:   checkCommitAuto,
	}, {
		Name:  "commit-none",
		About: "without commits nothing is committed, not even by Close",
		Run:   checkCommitNone,
	}, {
		Name:  "resume",
		About: "Close commits the marks, and the next member goes on from there",
		Run:   checkResume,
	}}
}

// reader is a member that has been given n records of each of some partitions,
// and has marked nothing.
func (e *Env) reader(ctx context.Context, mode drivers.CommitMode, n, partitions int) (*member, []topicPart) {
	tps, s := e.alone(partitions)
	s.Consume.CommitMode = mode
	e.need(s, drivers.KeyCommitMode)
	return e.reads(ctx, s, tps, n, memberOptions{noMarks: true}), tps
}

func (e *Env) committed(m *member, tp topicPart) int64 {
	return e.broker.Committed(m.s.GroupID, tp.Topic, tp.Partition)
}

// nothing returns an error if an offset of tps was committed. Offset 0 says that
// nothing was processed, which is as true as no offset.
func (e *Env) nothing(m *member, tps []topicPart, when string) error {
	for _, tp := range tps {
		if at := e.committed(m, tp); at > 0 {
			return fmt.Errorf("offset %d of %v is committed %s", at, tp, when)
		}
	}
	return nil
}

func commit(ctx context.Context, m *member) error {
	return at("commit", bounded(ctx, closeLimit, "Commit", m.consumer().Commit))
}

func checkCommitSync(ctx context.Context, e *Env) error {
	const n = 40
	m, tps := e.reader(ctx, drivers.CommitSync, n, 2)
	for _, tp := range tps {
		m.mark(tp, 10)
	}
	quiet(ctx, 2*m.s.Consume.CommitEvery)
	e.must(e.nothing(m, tps, "before Commit was called"))
	steps := []struct {
		what string
		mark func()
		want int64
	}{
		{"after marks of 10", func() {}, 10},
		{"after a mark of 5, which is below the last", func() { m.mark(tps[0], 5) }, 10},
		{"after a mark of a partition that the member does not have", func() { m.mark(topicPart{Topic: tps[0].Topic, Partition: 7}, 3) }, 10},
		{"after a mark of a topic that the member does not have", func() { m.mark(topicPart{Topic: "none", Partition: 0}, 3) }, 10},
	}
	for _, step := range steps {
		step.mark()
		e.must(at(step.what, commit(ctx, m)))
		for _, tp := range tps {
			if at := e.committed(m, tp); at != step.want {
				return fmt.Errorf("%s: when Commit had returned, offset %d of %v was committed, not %d", step.what, at, tp, step.want)
			}
		}
	}
	m.mark(tps[0], n)
	e.must(commit(ctx, m))
	if a, b := e.committed(m, tps[0]), e.committed(m, tps[1]); a != n || b != 10 {
		return fmt.Errorf("offsets %d and %d are committed after marks of %d and 10", a, b, n)
	}
	return nil
}

func checkCommitMarked(ctx context.Context, e *Env) error {
	const n = 40
	m, tps := e.reader(ctx, drivers.CommitMarked, n, 2)
	for _, mark := range []int64{n / 4, n / 2} {
		for _, tp := range tps {
			m.mark(tp, mark)
		}
		e.must(e.reaches(ctx, m, tps, mark))
	}
	quiet(ctx, 2*m.s.Consume.CommitEvery)
	e.must(e.reaches(ctx, m, tps, n/2))
	// Commit does not wait for the interval, but for a client that says it cannot.
	m.mark(tps[0], n)
	err := commit(ctx, m)
	if !e.exact(m.s, drivers.KeyCommitMode) {
		return e.reaches(ctx, m, tps[:1], n)
	}
	if at := e.committed(m, tps[0]); err == nil && at != n {
		return fmt.Errorf("offset %d of %v is committed when Commit has returned, the mark was %d", at, tps[0], n)
	}
	return err
}

// reaches waits until want is committed for every partition, and fails as soon as
// more is.
func (e *Env) reaches(ctx context.Context, m *member, tps []topicPart, want int64) error {
	for _, tp := range tps {
		for {
			at := e.committed(m, tp)
			if at > want {
				return fmt.Errorf("offset %d of %v is committed, beyond the mark of %d", at, tp, want)
			}
			if at == want {
				break
			}
			if ctx.Err() != nil {
				return fmt.Errorf("offset %d of %v is committed, the mark of %d never was", at, tp, want)
			}
			quiet(ctx, pollGap)
		}
	}
	return nil
}

func checkCommitAuto(ctx context.Context, e *Env) error {
	const n = 40
	m, tps := e.reader(ctx, drivers.CommitAuto, n, 2)
	return e.reaches(ctx, m, tps, n)
}

func checkCommitNone(ctx context.Context, e *Env) error {
	const n = 20
	m, tps := e.reader(ctx, drivers.CommitNone, n, 2)
	for _, tp := range tps {
		m.mark(tp, n)
	}
	quiet(ctx, 2*m.s.Consume.CommitEvery)
	e.must(m.close(ctx))
	return e.nothing(m, tps, "though nothing should be")
}

func checkResume(ctx context.Context, e *Env) error {
	const n, mark = 40, 15
	m, tps := e.reader(ctx, drivers.CommitMarked, n, 2)
	for _, tp := range tps {
		m.mark(tp, mark)
	}
	e.must(m.close(ctx))
	for _, tp := range tps {
		if at := e.committed(m, tp); at != mark {
			return fmt.Errorf("offset %d of %v is committed when Close has returned, the mark was %d", at, tp, mark)
		}
	}
	next := e.join(ctx, m.s, e.env(), memberOptions{})
	e.must(at("after the restart", next.tally.await(ctx, (n-mark)*len(tps))))
	var errs []error
	for _, tp := range tps {
		if first, _ := next.firstOf(tp); first != mark {
			errs = append(errs, fmt.Errorf("the second member began %v at %d, not at the committed %d", tp, first, mark))
		}
	}
	return errors.Join(errs...)
}
