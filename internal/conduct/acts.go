package conduct

// This file is what an act does to a process, and what comes of it.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/churn"
)

// act does it. out.At is read just before the call that starts, signals or
// kills.
func (l *timeline) act(ctx context.Context, a *churn.Act, out *results.Act) error {
	l.mu.Lock()
	w := l.members[a.Member]
	l.mu.Unlock()
	if a.Member != churn.Nobody && a.Member != a.Started() && w == nil {
		return errors.New("it is not in the group")
	}
	switch a.Kind {
	case acts.Join:
		out.At = record.Now()
		return l.enter(a.Member)
	case acts.Leave:
		return l.send(ctx, a.Member, w, out, syscall.SIGTERM, func() {})
	case acts.Crash:
		return l.send(ctx, a.Member, w, out, syscall.SIGKILL, func() {})
	case acts.Stall:
		if w.paused() {
			l.set(func() { out.At, out.Error = record.Now(), "it is stopped already" })
			return nil
		}
		w.pause(true)
		out.At = record.Now()
		if err := w.p.Signal(ctx, syscall.SIGSTOP); err != nil {
			return err
		}
		l.pending.Go(func() { l.resume(ctx, w, a.For, out) })
		return nil
	case acts.Link:
		return l.badLink(ctx, a, w, out)
	case acts.Broker:
		return l.onNodes(ctx, a, out)
	case acts.Restart, acts.AssignorStep:
		return l.restart(ctx, a, w, out)
	case acts.Reopen:
		return l.reopen(ctx, w, out)
	case acts.AddPartitions:
		return l.addPartitions(ctx, a, out)
	case acts.Subscribe:
		return l.subscribe(out)
	default:
		return errors.New("kbench cannot do this yet")
	}
}

// restart ends a member, by its own leave or by a kill, and lets its replacement
// join as soon as it is gone.
func (l *timeline) restart(ctx context.Context, a *churn.Act, w *process, out *results.Act) error {
	out.Kind, out.Replaces, out.Member = acts.Restart, memberName(a.Member), memberName(a.NewMember)
	end := syscall.SIGTERM
	if a.Kill {
		end = syscall.SIGKILL
	}
	return l.send(ctx, a.Member, w, out, end, func() {
		if err := l.enter(a.NewMember); err != nil {
			l.fail(err)
		}
	})
}

// send signals a member that is to end, and goes on; then is called once it has.
func (l *timeline) send(ctx context.Context, number int, w *process, out *results.Act, sig syscall.Signal, then func()) error {
	l.set(func() { delete(l.members, number) })
	w.expectEnd()
	l.set(func() { out.At = record.Now() })
	if err := w.p.Signal(ctx, sig); err != nil {
		return err
	}
	l.pending.Go(func() { l.gone(ctx, w, out, sig, then) })
	return nil
}

// enter lets a member that is held join, with the topics that there are now: one
// that takes the place of another may have waited while the others subscribed to
// one more. It becomes a member and is told under the one lock, so that a
// subscribe that comes meanwhile is in its topics or is sent after them.
func (l *timeline) enter(number int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.held[number]
	delete(l.held, number)
	l.members[number] = w
	return w.tell(worker.Command{Do: worker.Join, Topics: l.subscribed})
}

// gone waits for a process that was told to end, says when it had, and holds
// its end against what was asked: a leave that ends in a panic is no leave. One
// that does not end at all is a hang. Both fail the trial.
func (l *timeline) gone(ctx context.Context, w *process, out *results.Act, sig syscall.Signal, then func()) {
	select {
	case <-w.p.Done():
	case <-ctx.Done():
		return
	case <-time.After(l.run.o.Deadlines.Close):
		l.fail(fmt.Errorf("worker %s (pid %d) was told to end and had not after %s%s", w.job.Name, w.p.PID(), l.run.o.Deadlines.Close, w.tail()))
		return
	}
	at := record.Now()
	e := w.p.Wait()
	if asked := sig == syscall.SIGKILL && e.Killed || sig == syscall.SIGTERM && e.OK(); !asked {
		l.fail(fmt.Errorf("worker %s (pid %d) was sent %s and %s%s", w.job.Name, w.p.PID(), sig, e, w.tail()))
		return
	}
	then()
	l.set(func() { out.Gone = at })
}

// resume continues a stalled member after its time.
func (l *timeline) resume(ctx context.Context, w *process, after time.Duration, out *results.Act) {
	err := record.SleepUntil(ctx, out.At+int64(after))
	at := record.Now()
	// Also when the trial ends early: a stopped process cannot save its files.
	sctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	serr := w.p.Signal(sctx, syscall.SIGCONT)
	if serr != nil && err == nil && !errors.Is(serr, os.ErrProcessDone) {
		l.fail(fmt.Errorf("continue worker %s: %w", w.job.Name, serr))
	}
	w.pause(false)
	l.set(func() {
		// One that was killed while it was stopped never went on; its stall was
		// over then.
		if out.Resumed = at; serr != nil {
			out.Error = "it had ended before it could go on"
		}
	})
}

// set changes what the lock guards.
func (l *timeline) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// finished returns the acts as they were done.
func (l *timeline) finished() []results.Act {
	l.pending.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []results.Act
	for _, a := range l.done {
		out = append(out, *a)
	}
	return out
}
