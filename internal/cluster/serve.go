package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/scratch"
)

// nodes is a running cluster as the broker process holds it.
type nodes interface {
	ready() ready

	// died reports nodes that ended unasked.
	died() <-chan error

	// stop ends every node and removes its data.
	stop() error
}

// Serve is the body of `kbench broker`: it runs a cluster in the foreground.
//
// Unsupervised it runs what o asks for, prints the address, and stops when ctx is
// done or no node is left. Supervised it is the other end of Start: o comes as one JSON line on in
// (Log and Progress stay the caller's), what happens goes to out as JSON lines,
// and it ends when in ends, or when ctx is done.
func Serve(ctx context.Context, o Options, in io.Reader, out io.Writer, supervised bool) error {
	if supervised {
		return serveSupervised(ctx, o.Log, in, out)
	}
	o, err := o.normal()
	if err != nil {
		return err
	}
	within, s := startWithin(ctx, startLimit(o.Kind))
	n, err := startNodes(within, s.through(o))
	if late := s.end(); err != nil {
		return errors.Join(late, err)
	}
	r := n.ready()
	text := fmt.Sprintf("%s\n%s\n", r.Info.Title, strings.Join(r.Access.Seeds, ","))
	if r.Access.TLS != nil || r.Access.SASL != nil {
		dir, path, err := writeFileConfig(r.Access)
		if err != nil {
			return errors.Join(err, n.stop())
		}
		defer dir.Remove()
		text += "connection file (with credentials): " + path + "\n"
	}
	if _, err := io.WriteString(out, text); err != nil {
		return errors.Join(fmt.Errorf("print the address: %w", err), n.stop())
	}
	return keep(ctx, n, o.Log)
}

// keep keeps a cluster until ctx is done or none of its nodes is left. A node that dies
// is told of on log, and in the error at the end; the others go on, and who uses the
// cluster sees what comes of that.
func keep(ctx context.Context, n nodes, log io.Writer) error {
	var lost int
	gone := func() error {
		if lost == 0 {
			return nil
		}
		return fmt.Errorf("%d of %s ended unasked, as was told then", lost, nodeCount(n.ready().Info.Nodes))
	}
	for {
		select {
		case <-ctx.Done():
			return errors.Join(gone(), n.stop())
		case err := <-n.died():
			lost++
			left := n.ready().Info.Nodes - lost
			if log != nil {
				fmt.Fprintf(log, "%v\n%d of its nodes left\n", err, left)
			}
			if left <= 0 {
				return errors.Join(gone(), n.stop())
			}
		}
	}
}

// startNodes starts the kinds that are processes of ours, in place of what killed ones
// left behind.
func startNodes(ctx context.Context, o Options) (nodes, error) {
	disk, _ := Disk()
	scratch.Sweep(os.TempDir(), disk)
	switch o.Kind {
	case Embedded:
		return startEmbedded(ctx, o)
	case Kafka:
		return startKafka(ctx, o)
	default:
		return nil, fmt.Errorf("broker %q is not one that kbench starts: use embedded or kafka", o.Kind)
	}
}

func serveSupervised(ctx context.Context, log io.Writer, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	job, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the options from the supervisor: %w", err)
	}
	say := &speaker{out: out}
	o := Options{}
	if err := json.Unmarshal(job, &o); err != nil {
		return say.failed(fmt.Errorf("read the options from the supervisor: %w", err))
	}
	o.Log = log
	o.Progress = func(s string) { say.message(message{Progress: s}) }
	o.allow = func(d time.Duration) { say.message(message{Allow: d}) } // the clock is the supervisor's
	if o, err = o.normal(); err != nil {
		return say.failed(err)
	}

	// The input is watched from the start: a supervisor that dies while Maven
	// is fetching must not be outlived either.
	orders := make(chan order, mostOrders)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		readOrders(lines, orders)
	}()

	n, err := startNodes(ctx, o)
	if err != nil {
		return say.failed(err)
	}
	var obeying sync.WaitGroup
	defer obeying.Wait()
	r := n.ready()
	say.message(message{Ready: &r})
	for {
		select {
		case <-ctx.Done():
			return n.stop()
		case err := <-n.died():
			say.message(message{Died: err.Error()})
		case do := <-orders:
			obeying.Go(func() { say.message(message{Obeyed: carryOut(n, do)}) })
		}
	}
}

// speaker writes messages, one line each.
type speaker struct {
	mu  sync.Mutex
	out io.Writer
}

func (s *speaker) message(m message) {
	line, err := json.Marshal(m)
	if err != nil {
		line, _ = json.Marshal(message{Failed: err.Error()}) // a string always can be written
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A supervisor that cannot be written to is gone, which the end of the
	// input tells too.
	_, _ = s.out.Write(append(line, '\n'))
}

// failed tells the supervisor why the start failed and returns it for the exit
// code.
func (s *speaker) failed(err error) error {
	s.message(message{Failed: err.Error()})
	return err
}
