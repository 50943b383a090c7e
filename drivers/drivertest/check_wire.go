package drivertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/wire"
	"github.com/kbench/kbench/results/record"
)

func wireChecks() []Check {
	return []Check{{
		Name:  "wire-matched",
		About: "what the plan claims in the matched lane is what goes over the wire",
		Run:   func(ctx context.Context, e *Env) error { return checkWire(ctx, e, drivers.Matched, drivers.AcksAll) },
	}, {
		Name:  "wire-leader",
		About: "what the plan claims with acks from the leader is what goes over the wire",
		Run:   func(ctx context.Context, e *Env) error { return checkWire(ctx, e, drivers.Matched, drivers.AcksLeader) },
	}, {
		Name:  "wire-best",
		About: "what the plan claims in the best lane is what goes over the wire",
		Run:   func(ctx context.Context, e *Env) error { return checkWire(ctx, e, drivers.Best, drivers.AcksAll) },
	}, {
		Name:  "wire-stock",
		About: "what the plan claims in the stock lane is what goes over the wire",
		Run:   func(ctx context.Context, e *Env) error { return checkWire(ctx, e, drivers.Stock, drivers.AcksAll) },
	}}
}

// sightings are the values that went over the wire, by key.
type sightings struct {
	mu      sync.Mutex
	values  map[string][]string
	batch   int32 // most records in one
	unknown int   // frames that could not be read
}

func (w *sightings) take(ev record.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	see := func(key, value string) {
		if !slices.Contains(w.values[key], value) {
			w.values[key] = append(w.values[key], value)
		}
	}
	number := func(key string, n int64) { see(key, strconv.FormatInt(n, 10)) }
	w.unknown += ev.Unknown
	switch ev.K {
	case record.EvProduce:
		if ev.Acks != nil {
			number(drivers.KeyAcks, int64(*ev.Acks))
		}
		number(drivers.KeyAckTimeout, int64(ev.TimeoutMs))
		for _, b := range ev.Batches {
			see(drivers.KeyCodec, b.Codec)
			w.batch = max(w.batch, b.Records)
		}
	case record.EvFetch:
		if ev.MaxWaitMs != nil {
			number(drivers.KeyFetchWait, int64(*ev.MaxWaitMs))
		}
		if ev.MinBytes != nil {
			number(drivers.KeyFetchMin, int64(*ev.MinBytes))
		}
		if ev.Isolation != nil {
			number(drivers.KeyIsolation, int64(*ev.Isolation))
		}
		number(drivers.KeyFetchMax, int64(ev.MaxBytes))
		if ev.PartitionMaxBytes > 0 {
			number(drivers.KeyFetchMaxPartition, int64(ev.PartitionMaxBytes))
		}
	case record.EvRequest:
		if kmsg.Key(ev.API) == kmsg.JoinGroup {
			number(drivers.KeySession, int64(ev.SessionMs))
			number(drivers.KeyRebalance, int64(ev.RebalanceMs))
			see(drivers.KeyAssignors, strings.Join(ev.Protocols, ","))
			see(drivers.KeyStatic, strconv.FormatBool(ev.Instance != ""))
			see(drivers.KeyProtocol, "classic")
		}
	}
}

// checkWire produces and consumes through the tap. The values are unlike any
// client's defaults, so that a setting that was forgotten is seen.
func checkWire(ctx context.Context, e *Env, mode drivers.Mode, acks drivers.Acks) error {
	if drivers.IsBrokerless(e.drv) {
		return errNoBroker
	}
	const n = 300
	tps := parts(e.topic("t", 2), 2)
	s := e.settings(tps[0].Topic)
	s.Mode = mode
	s.Produce.Acks = acks
	s.Produce.AckTimeout = 4321 * time.Millisecond
	s.Produce.Codec = "lz4"
	s.Consume.FetchWait = 213 * time.Millisecond
	s.Consume.FetchMin = 3
	s.Consume.FetchMax = 7 << 20
	s.Consume.FetchMaxPartition = 777_777
	s.Group.Session = 7 * time.Second
	s.Group.Rebalance = 11 * time.Second

	w := &sightings{values: make(map[string][]string)}
	start := time.Now()
	tap := wire.New(wire.Options{Now: func() int64 { return int64(time.Since(start)) }, Emit: w.take, Every: 1})
	defer tap.Close()
	env := e.env()
	env.Dial = tap.Dial
	snd, err := e.newSender(ctx, s, env, nil)
	if err != nil {
		return err
	}
	if err := snd.send(ctx, tps, n); err != nil {
		return err
	}
	t := newTally()
	m, err := e.join(ctx, s, env, t, memberOptions{})
	if err != nil {
		return err
	}
	if mode == drivers.Stock {
		// The start offset is the client's own too: what lies there may be skipped.
		err = e.readSomething(ctx, snd, tps, m)
	} else {
		err = t.await(ctx, n*len(tps))
	}
	if err := errors.Join(err, e.closeBusy(ctx, snd, tps, m), snd.close(ctx)); err != nil {
		return err
	}
	tap.Flush()
	return w.compare(e.drv.Plan(s))
}

// readSomething sends until the member reads.
func (e *Env) readSomething(ctx context.Context, snd *sender, tps []topicPart, m *member) error {
	for m.records.Load() == 0 {
		if err := snd.send(ctx, tps, 1); err != nil {
			return err
		}
		quiet(ctx, pollGap)
	}
	return nil
}

// closeBusy closes a member while records come in: a client that waits for its
// fetches when it is closed would wait for as long as its own default says.
func (e *Env) closeBusy(ctx context.Context, snd *sender, tps []topicPart, m *member) error {
	closed := make(chan error, 1)
	go func() { closed <- m.close(ctx) }()
	for {
		select {
		case err := <-closed:
			return err
		case <-time.After(pollGap):
			if err := snd.send(ctx, tps, 1); err != nil {
				return errors.Join(err, <-closed)
			}
		}
	}
}

// compare returns the claims that the wire contradicts. What a sample cannot
// show (how often heartbeats come) is left alone.
func (w *sightings) compare(plan []drivers.Setting) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	if w.unknown > 0 {
		errs = append(errs, fmt.Errorf("%d frames on the wire could not be read", w.unknown))
	}
	for _, line := range plan {
		switch {
		case line.Claim == "" || line.Key == drivers.KeyHeartbeat:
		case line.Key == drivers.KeyBatchRecords:
			most, err := strconv.ParseInt(line.Claim, 10, 32)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s claims %q, which is no number", line.Key, line.Claim))
			} else if int64(w.batch) > most {
				errs = append(errs, fmt.Errorf("%s: the plan claims at most %d, a batch of %d went over the wire", line.Key, most, w.batch))
			}
		case line.Key == drivers.KeyCodec && slices.Contains(w.values[line.Key], line.Claim):
			// A client may send a batch as it is when compression would not make it smaller.
			for _, codec := range w.values[line.Key] {
				if codec != line.Claim && codec != "none" {
					errs = append(errs, fmt.Errorf("%s: the plan claims %q, the wire saw %q", line.Key, line.Claim, codec))
				}
			}
		case !agrees(line, w.values[line.Key]):
			errs = append(errs, fmt.Errorf("%s: the plan claims %q, the wire saw %q", line.Key, line.Claim, w.values[line.Key]))
		}
	}
	return errors.Join(errs...)
}

// agrees compares a claim with all values that were seen. What the plan says is
// approximate may be less, such as a timeout that counts down before it is sent:
// by how much is up to the machine, but the largest comes close.
func agrees(line drivers.Setting, seen []string) bool {
	if len(seen) == 0 {
		return false
	}
	if !slices.ContainsFunc(seen, func(v string) bool { return v != line.Claim }) {
		return true
	}
	want, err := strconv.ParseInt(line.Claim, 10, 64)
	if line.Fidelity != drivers.Approx || err != nil {
		return false
	}
	most := int64(math.MinInt64)
	for _, v := range seen {
		got, err := strconv.ParseInt(v, 10, 64)
		if err != nil || got > want {
			return false
		}
		most = max(most, got)
	}
	return (want-most)*20 <= want
}
