package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/kbench/kbench/internal/visible"
	"github.com/kbench/kbench/results"
)

// progress shows a person what is running, which trial of how many, and how
// long it will take. Without a terminal it says only what went wrong.
type progress struct {
	out  io.Writer
	bars *mpb.Progress // nil without a terminal
	bar  *mpb.Bar
	stop chan struct{}
	done sync.WaitGroup
	once sync.Once

	mu       sync.Mutex
	started  time.Time
	expected []time.Duration // of each trial
	ended    time.Duration   // of the trials that have ended, as expected
	current  int
	title    string
	step     string
	began    time.Time // of the current trial
	ending   bool      // the user wants the end: what it waits for is said
}

func newProgress(out io.Writer, expected []time.Duration) *progress {
	p := &progress{out: out, started: time.Now(), stop: make(chan struct{}), expected: expected}
	total := p.total()
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || total == 0 {
		return p
	}
	p.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(20), mpb.WithAutoRefresh())
	p.bar = p.bars.AddBar(int64(total/time.Millisecond), mpb.BarRemoveOnComplete(),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return p.line() })))
	p.done.Go(func() {
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-t.C:
				p.mu.Lock()
				total := p.total()
				p.mu.Unlock()
				p.bar.SetCurrent(min(int64(p.elapsed()/time.Millisecond), int64(total/time.Millisecond)-1))
			}
		}
	})
	return p
}

// elapsed is how much of the expected time is behind us; a trial that takes
// longer than expected does not run ahead.
func (p *progress) elapsed() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == 0 {
		return 0
	}
	return p.ended + min(time.Since(p.began), p.expected[p.current-1])
}

// further adds trials to what is expected.
func (p *progress) further(expected []time.Duration) {
	p.mu.Lock()
	p.expected = slices.Concat(p.expected, expected)
	total := p.total()
	p.mu.Unlock()
	if p.bar != nil {
		p.bar.SetTotal(int64(total/time.Millisecond), false)
	}
}

// total is how long all trials take, for whoever holds the lock.
func (p *progress) total() (d time.Duration) {
	for _, e := range p.expected {
		d += e
	}
	return d
}

func (p *progress) line() string {
	elapsed := p.elapsed()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == 0 {
		return visible.Line(p.step)
	}
	left := (p.total() - elapsed).Round(time.Second)
	return visible.Line(fmt.Sprintf("%d/%d %s: %s, about %s left", p.current, len(p.expected), p.title, p.step, left))
}

// Trial implements conduct.Progress.
func (p *progress) Trial(ref results.TrialRef, _ int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current > 0 {
		p.ended += p.expected[p.current-1]
	}
	p.current++
	p.began, p.step = time.Now(), "starting"
	p.title = ref.Workload + " " + ref.Arm
	if ref.Round > 1 {
		p.title += fmt.Sprintf(" round %d", ref.Round)
	}
}

// Step implements conduct.Progress.
func (p *progress) Step(what string) {
	p.mu.Lock()
	p.step = what
	ending := p.ending
	p.mu.Unlock()
	if ending {
		p.say("kbench: " + what)
	}
}

// interrupted says at once that the wish for the end was heard. From here on each step
// is said: somebody waits for it.
func (p *progress) interrupted() {
	p.mu.Lock()
	p.ending = true
	during := p.step
	if p.current > 0 {
		during = fmt.Sprintf("trial %d of %d: %s", p.current, len(p.expected), p.step)
	}
	p.mu.Unlock()
	p.say("kbench: interrupted (" + during + "); it ends in good order, and at once if interrupted again")
}

// say prints what a person should see, above the bar.
func (p *progress) say(msg string) {
	w := p.out
	if p.bars != nil {
		w = p.bars
	}
	fmt.Fprintln(w, visible.Lines(visible.Text(msg), mostLines, mostChars))
}

// Measuring implements conduct.Progress.
func (p *progress) Measuring(warmup, measure time.Duration) {
	p.Step(fmt.Sprintf("warm-up %s, measuring %s", warmup, measure))
}

// Ended implements conduct.Progress.
func (p *progress) Ended(ref results.TrialRef, state results.State, why string) {
	if state == results.StateComplete && why == "" {
		return
	}
	if why == string(state) {
		why = ""
	} else {
		why = ": " + why
	}
	p.say(fmt.Sprintf("trial %d (%s, %s): %s%s", ref.N, ref.Workload, ref.Arm, state, why))
}

// close takes the bar away.
func (p *progress) close() {
	p.once.Do(func() {
		close(p.stop)
		p.done.Wait()
		if p.bars != nil {
			p.bar.Abort(true)
			p.bars.Wait()
		}
	})
}
