// Command knees shows that "kbench knee" finds what is there: the knee of a driver whose
// limit is known, and those of the clients again and again, of which the intervals have to
// overlap. It is kbench as well, with that driver in its table.
//
// It exits 1 where the known limit is missed by more than 5%, fewer than 13 of 15 intervals
// of the clients overlap with the others of their client, or one is wider than 15% of its
// middle to either side.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kbench/kbench/cmd/kbench/cli"
	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/results/held"
)

// limit is what the driver serves a second.
const limit = 20_000

// known is a driver that delivers exactly that many, all partitions together.
func known() drivers.Driver {
	return faulty.Wrap(loopback.New(), faulty.Fault{Kind: faulty.Serve, For: time.Second / limit})
}

func table() []drivers.Driver {
	return []drivers.Driver{franzgo.New(), sarama.New(), kafkago.New(), known()}
}

// workload is what the known driver does.
const workload = `name: known
about: How many does a driver serve whose limit is known?
topic:   {partitions: 4, replication: 1}
produce: {by: arm, rate: 3000/s}
consume: {members: 1}
phases:  {warmup: 1s, measure: 5s, drain: 30s}
`

// regions is what the clients do. Over this way, with one request under way, it is the client
// and the way that bound the rate, and not how fast a machine of few cores is in that quarter
// of an hour. A linger longer than the way lets kafka-go fill its batches, which it closes
// whether or not one is under way.
const regions = `name: across-regions
about: How many does a client send and receive over a round trip of 40 ms, with one request under way?
topic:   {partitions: 12, replication: 3}
records: {size: 256, entropy: 0.5}
produce: {by: arm, rate: 3000/s, schedule: constant, chunk: 16, linger: 50ms, acks: all, inflight: 1, batch: {records: 50, bytes: 64KiB}}
consume: {members: 3, fetch: {wait: 750ms}, commit: {mode: marked, every: 1s}}
group:   {protocol: classic, assignors: [range], session: 10s, heartbeat: 3s, rebalance: 30s}
link:    {delay: 20ms}
needs:   [produce.acks, produce.partition]
phases:  {warmup: 2s, measure: 4s, drain: 60s}
`

func main() {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		cli.Main(table()...) // its own workers, and whoever wants kbench with this driver
	}
	searches := flag.Int("searches", 5, "how `often` the knees of the clients are searched; 0: not at all")
	of := flag.String("of", "", "the `workload` whose knees are searched; the script's own if empty")
	slo := flag.String("slo", "p99(e2e.response) < 400ms", "what is held at the knees of the clients, a `bound`")
	from := flag.String("from", "3000/s", "the `rate` that a search of them begins with")
	measure := flag.Duration("measure", 4*time.Second, "how long a trial of theirs is measured, a `time`")
	out := flag.String("out", "runs/knees-"+time.Now().Format("20060102-150405"), "the `directory` of all trials")
	flag.Parse()
	more := []string{"--slo", *slo, "--from", *from, "--precision", "20%", "--set", "phases.measure=" + measure.String()}
	if err := run(*out, *of, *searches, append(more, flag.Args()...)); err != nil {
		fmt.Fprintln(os.Stderr, "knees:", err)
		os.Exit(1)
	}
}

// written puts a workload into the directory of all trials.
func written(out, name, workload string) (path string, err error) {
	path = filepath.Join(out, name)
	return path, os.WriteFile(path, []byte(workload), 0o644)
}

// run does both. more are further arguments of the searches of the clients.
func run(out, of string, searches int, more []string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	path, err := written(out, "known.yaml", workload)
	if err == nil && of == "" {
		of, err = written(out, "regions.yaml", regions)
	}
	if err != nil {
		return err
	}
	k, err := search([]string{path, "--client", known().Name(), "--out", filepath.Join(out, "known"), "--seed", "1", "--slo", "p99(e2e.response) < 50ms"})
	if err != nil {
		return err
	}
	wrong := []error{isKnown(k)}
	var all []*held.Knee
	for n := range searches {
		args := []string{of, "--seed", strconv.Itoa(n + 1), "--out", filepath.Join(out, strconv.Itoa(n+1))}
		k, err := search(append(args, more...))
		if err != nil {
			return err
		}
		all = append(all, k)
	}
	return errors.Join(append(wrong, agree(all))...)
}

// search runs one search. That of some client little is known is no failure here.
func search(args []string) (*held.Knee, error) {
	var out bytes.Buffer
	args = append([]string{"knee", "--output", "json"}, args...)
	if code := cli.Run(args, os.Stdin, &out, os.Stderr, table()...); code != cli.ExitOK && code != cli.ExitUndecided && code != cli.ExitGate {
		return nil, fmt.Errorf("kbench %q ended with %d", args, code)
	}
	k := &held.Knee{}
	return k, json.Unmarshal(out.Bytes(), k)
}

// isKnown holds the interval of the known driver against its limit.
func isKnown(k *held.Knee) error {
	a := k.Arms[0]
	fmt.Printf("known, %d/s: %.0f to %.0f/s, %d trials, limit: %s\n", limit, a.Held, a.NotHeld, a.Trials, a.Limit)
	off := func(v float64) float64 { return math.Abs(v-limit) / limit }
	if a.Held == 0 || a.NotHeld == 0 || off(a.Held) > 0.05 || off(a.NotHeld) > 0.05 {
		return fmt.Errorf("the known limit of %d/s was found between %.0f and %.0f/s", limit, a.Held, a.NotHeld)
	}
	return nil
}

// agree says of how many searches the intervals of a client have a rate in common.
func agree(all []*held.Knee) error {
	by := map[string][]held.Arm{}
	var names []string
	for _, k := range all {
		for _, a := range k.Arms {
			if by[a.Name] == nil {
				names = append(names, a.Name)
			}
			by[a.Name] = append(by[a.Name], a)
		}
	}
	common, intervals, wide := 0, 0, 0
	for _, name := range names {
		most := 0
		for _, a := range by[name] {
			share := (a.NotHeld - a.Held) / (a.NotHeld + a.Held)
			fmt.Printf("%-10s %8.0f to %8.0f/s, %4.1f%% to either side, %2d trials, limit: %s %s\n", name, a.Held, a.NotHeld, 100*share, a.Trials, a.Limit, a.Why)
			if intervals++; a.Held == 0 || a.NotHeld == 0 || share > 0.15 {
				wide++
			}
			n := 0
			for _, b := range by[name] { // the lower end of a common stretch is that of one of them; two that touch have none
				if b.Held <= a.Held && a.Held < b.NotHeld {
					n++
				}
			}
			most = max(most, n)
		}
		common += most
		fmt.Printf("%-10s %d of %d have a rate in common\n", name, most, len(by[name]))
	}
	if wanted := (13*intervals + 14) / 15; common < wanted || wide > 0 {
		return fmt.Errorf("%d of %d intervals overlap, %d are wanted; %d are wider than 15%% of their middle to either side", common, intervals, wanted, wide)
	}
	return nil
}
