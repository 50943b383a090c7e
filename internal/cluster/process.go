package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
)

// message is a line from a broker process. Exactly one field is set.
type message struct {
	Progress string        `json:"progress,omitempty"` // what the start is doing
	Allow    time.Duration `json:"allow,omitempty"`    // by how much longer it may take
	Ready    *ready        `json:"ready,omitempty"`    // clients may come
	Failed   string        `json:"failed,omitempty"`   // the start failed; the process ends
	Died     string        `json:"died,omitempty"`     // a node ended unasked; the others go on
	Obeyed   *obeyed       `json:"obeyed,omitempty"`   // an order was carried out, or could not be
}

// ready is what the supervisor needs to know of a running cluster.
type ready struct {
	Access Access         `json:"access"`
	Info   results.Broker `json:"info"`
	PIDs   []int          `json:"pids"` // of each node
}

// brokerProcess is the supervisor's end of a `kbench broker --supervised`, which ends
// when its input does: the supervisor wants that, or is dead.
type brokerProcess struct {
	launch.Process
	ready ready
	died  chan error

	messages chan message
	quit     chan struct{} // closed when the end of the process is wanted

	mu     sync.Mutex
	orders map[int]chan obeyed // that are not carried out yet, by number
	last   int                 // number of the last
}

// startBroker starts the process, hands it the options and waits until it is
// ready.
func startBroker(ctx context.Context, o Options, l launch.Launcher, self []string) (*brokerProcess, error) {
	if len(self) == 0 {
		return nil, errors.New("no command for the broker process was given")
	}
	// The life of the broker is bounded by Stop and by its input, not by the
	// context of its start.
	proc, err := l.Start(context.WithoutCancel(ctx), launch.Spec{
		Path:       self[0],
		Args:       append(append([]string(nil), self[1:]...), "--supervised"),
		Env:        launch.BrokerEnviron(),
		Stderr:     o.Log,
		CPUs:       o.CPUs,
		EndsItself: true,
	})
	if err != nil {
		return nil, err
	}
	p := &brokerProcess{
		Process:  proc,
		died:     make(chan error, maxNodes+1),
		messages: make(chan message),
		orders:   make(map[int]chan obeyed),
		quit:     make(chan struct{}),
	}
	go p.read()
	if err := launch.Send(proc, o); err != nil {
		// Nobody reads: it has ended, or is about to. How it ended says more.
		select {
		case <-proc.Done():
			err = errors.New(p.Wait().String())
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
		}
		p.abandon()
		return nil, fmt.Errorf("the broker process ended before it was ready: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			p.abandon()
			return nil, context.Cause(ctx)
		case m, ok := <-p.messages:
			switch {
			case !ok:
				p.abandon()
				return nil, fmt.Errorf("the broker process ended before it was ready: %s", p.Wait())
			case m.Failed != "":
				p.abandon()
				return nil, errors.New(m.Failed)
			case m.Progress != "":
				o.progress("%s", m.Progress)
			case m.Allow > 0:
				o.allowMore(m.Allow)
			case m.Ready != nil:
				p.ready = *m.Ready
				go p.watch()
				return p, nil
			}
		}
	}
}

// read turns the process's output into messages, until it ends.
func (p *brokerProcess) read() {
	defer close(p.messages)
	lines := json.NewDecoder(bufio.NewReader(p.Stdout()))
	for {
		var m message
		if err := lines.Decode(&m); err != nil {
			// What follows is not read, but must be taken, or the process blocks.
			_, _ = io.Copy(io.Discard, p.Stdout())
			return
		}
		select {
		case p.messages <- m:
		case <-p.quit:
		}
	}
}

// watch reports deaths until the process has ended.
func (p *brokerProcess) watch() {
	for m := range p.messages {
		switch {
		case m.Died != "":
			p.report(errors.New(m.Died))
		case m.Obeyed != nil:
			p.obeyed(*m.Obeyed)
		}
	}
	exit := p.Wait()
	p.report(fmt.Errorf("the broker process (pid %d) ended: %s", p.PID(), exit))
}

// report passes on a death, unless the end is wanted.
func (p *brokerProcess) report(err error) {
	select {
	case <-p.quit:
		return
	default:
	}
	select {
	case p.died <- err:
	default: // there are as many places as things that can die
	}
}

// stop ends the process in good order, and kills it when ctx is done first.
func (p *brokerProcess) stop(ctx context.Context) error {
	close(p.quit)
	_ = p.Stdin().Close()
	select {
	case <-p.Done():
	case <-ctx.Done():
		_ = launch.Kill(p)
		return fmt.Errorf("not ended in time, killed: %w", ctx.Err())
	}
	if exit := p.Wait(); !exit.OK() {
		return fmt.Errorf("the broker process (pid %d) %s", p.PID(), exit)
	}
	return nil
}

// abandonGrace is how long a process whose start has failed is given to remove what
// it had begun. It kills its nodes, which takes no time.
const abandonGrace = 20 * time.Second

// abandon ends a process whose start has failed. The end of its input makes it
// stop what it started.
func (p *brokerProcess) abandon() {
	close(p.quit)
	_, _ = launch.End(p, abandonGrace)
}
