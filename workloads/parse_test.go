package workloads

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testOptions know one gate, one figure and two settings.
func testOptions() Options {
	return Options{
		CheckGate: func(expr string) error {
			if strings.HasPrefix(expr, "audit.lost ") {
				return nil
			}
			return errors.New("there is no such metric; did you mean audit.lost?")
		},
		CheckFigure: func(entry string) error {
			if strings.HasSuffix(entry, "%") {
				return nil
			}
			return errors.New("it names no difference; write cpu.per_record by 3%")
		},
		CheckNeed: func(key string) error {
			if key == "produce.acks" || key == "group.session" {
				return nil
			}
			return errors.New("there is no such setting; did you mean produce.acks?")
		},
	}
}

// TestMalformed holds every message, word by word. A case of the file is a
// document with its --set flags, and the error that they give.
func TestMalformed(t *testing.T) {
	const file = "testdata/malformed.txt"
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(src), "=== document\n")[1:]
	if len(cases) < 30 {
		t.Fatalf("%d cases; the issue asks for 30", len(cases))
	}
	var got strings.Builder
	for _, c := range cases {
		input, want, ok := strings.Cut(c, "=== error\n")
		if !ok {
			t.Fatalf("a case names no error: %q", c)
		}
		opt, doc := testOptions(), ""
		for line := range strings.Lines(input) {
			if arg, ok := strings.CutPrefix(line, "--set "); ok {
				opt.Set = append(opt.Set, strings.TrimSuffix(arg, "\n"))
			} else if line == "--full\n" {
				opt.Full = true
			} else {
				doc += line
			}
		}
		_, err := Parse("w.yaml", []byte(doc), opt)
		if err == nil {
			t.Errorf("accepted:\n%s", input)
			continue
		}
		if all := (Errors)(nil); !errors.As(err, &all) || len(all) == 0 {
			t.Errorf("the error is a %T; want Errors", err)
		}
		if have := err.Error() + "\n"; have != want && !*update {
			t.Errorf("%s\ngot:\n%swant:\n%s", input, have, want)
		}
		got.WriteString("=== document\n" + input + "=== error\n" + err.Error() + "\n")
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryMessageSaysWhatWouldBeRight holds the messages to their form.
func TestEveryMessageSaysWhatWouldBeRight(t *testing.T) {
	src, err := os.ReadFile("testdata/malformed.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(src)) {
		if strings.HasPrefix(line, "w.yaml:") && !strings.Contains(line, "; ") {
			t.Errorf("only half a message: %s", line)
		}
	}
}

// TestRefused gives every field values of the wrong kind, or beyond its bounds, and
// holds what is said of each, word by word.
func TestRefused(t *testing.T) {
	const file = "testdata/refused.txt"
	var got strings.Builder
	for _, n := range document().Leaves() {
		for _, v := range []string{"{a: 1}", "abc", "-7", "9999h"} {
			opt := testOptions()
			opt.Set = []string{n.Path + "=" + v}
			if _, err := Parse("w.yaml", []byte("name: x\n"), opt); err != nil {
				fmt.Fprintln(&got, err)
			} else {
				fmt.Fprintf(&got, "--set %s is taken\n", opt.Set[0])
			}
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func mustParse(t *testing.T, doc string, set ...string) *Document {
	t.Helper()
	opt := testOptions()
	opt.Set = set
	d, err := Parse("w.yaml", []byte(doc), opt)
	if err != nil {
		t.Fatalf("%s\n%v", doc, err)
	}
	return d
}

func TestFormsOfValues(t *testing.T) {
	f := func(field, path string, want any) {
		t.Helper()
		s := mustParse(t, "name: x\n"+field).Spec
		if got := s.Value(path); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s is %v, want %v", field, path, got, want)
		}
	}
	f("produce: {rate: 600/s}", "produce.rate", Rate{PerSecond: 600})
	f("produce: {rate: 36000/m}", "produce.rate", Rate{PerSecond: 600})
	f("produce: {rate: max}", "produce.rate", Rate{Max: true})
	f("produce: {rate: 0.5/s}", "produce.rate", Rate{PerSecond: 0.5})
	f("produce: {linger: 0s}", "produce.linger", time.Duration(0))
	f("produce: {ack_timeout: 1m30s}", "produce.ack_timeout", 90*time.Second)
	f("phases: {measure: 2h}", "phases.measure", 2*time.Hour)
	f("produce: {batch: {bytes: 128KiB}}", "produce.batch.bytes", 131072)
	f("consume: {members: 1, backlog: 1_000_000}\nproduce: {by: reference, rate: max}", "consume.backlog", 1_000_000)
	f("records: {size: 32}", "records.size", Size{Fixed: 32})
	f("records: {size: 1KiB}", "records.size", Size{Fixed: 1024})
	f("records: {size: {uniform: [100, 1KiB]}}", "records.size", Size{Uniform: [2]int{100, 1024}})
	f("records: {size: {lognormal: {median: 100, sigma: 1.5, max: 10KiB}}}", "records.size", Size{Median: 100, Sigma: 1.5, Max: 10240})
	f("records: {size: {choice: [{size: 100, weight: 9}, {size: 1000, weight: 1}]}}", "records.size",
		Size{Choice: []SizeChoice{{100, 9}, {1000, 1}}})
	f("produce: {schedule: poisson}", "produce.schedule", Schedule{Kind: "poisson"})
	f("produce: {schedule: {ramp: {from: 0.1}}}", "produce.schedule", Schedule{Kind: "ramp", From: 0.1})
	f("produce: {schedule: {steps: {factors: [0.5, 1]}}}", "produce.schedule", Schedule{Kind: "steps", Factors: []float64{0.5, 1}})
	f("produce: {schedule: {bursts: {every: 1s, size: 100}}}", "produce.schedule", Schedule{Kind: "bursts", Every: time.Second, Size: 100})
	f("process: {gomemlimit: 1GiB, gogc: -1}", "process.gomemlimit", "1GiB")
	f("about: >-\n  two\n  lines\n", "about", "two lines")
	f("group: {protocol: consumer, assignors: [uniform]}", "group.assignors", []string{"uniform"})
}

func TestSetWinsOverOverrideWinsOverDocument(t *testing.T) {
	opt := Options{
		Set:      []string{"topic.partitions=3"},
		Override: []Override{{Path: "topic.partitions", Value: 2.0}, {Path: "rounds", Value: 7.0}},
	}
	d, err := Parse("w.yaml", []byte("name: x\nrounds: 1\ntopic: {partitions: 1, replication: 1}\n"), opt)
	if err != nil {
		t.Fatal(err)
	}
	if s := d.Spec; s.Topic.Partitions != 3 || s.Rounds != 7 || s.Topic.Replication != 1 {
		t.Errorf("partitions %d, rounds %d, replication %d; want 3, 7, 1", s.Topic.Partitions, s.Rounds, s.Topic.Replication)
	}
}

func TestOverrideIsNamedInItsProblems(t *testing.T) {
	opt := Options{Override: []Override{{Path: "consume.backlog", Value: 5.0, Origin: "suite s: include[0]"}}}
	_, err := Parse("w.yaml", []byte("name: x\nconsume: {members: 1}\nproduce: {by: reference}\n"), opt)
	const want = "suite s: include[0]: consume.backlog: a backlog is filled as fast as it can be; write produce.rate: max"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMarkFollowsCommit(t *testing.T) {
	f := func(doc, path string, want time.Duration) {
		t.Helper()
		if got := mustParse(t, "name: x\n"+doc).Spec.Value(path); got != want {
			t.Errorf("%s: %v, want %v", doc, got, want)
		}
	}
	const mark = "consume.commit.mark.every"
	f("", mark, 100*time.Millisecond)
	f("consume: {commit: {every: 200ms}}", mark, 20*time.Millisecond)
	f("consume: {commit: {every: 1m}}", mark, 100*time.Millisecond)
	f("consume: {commit: {every: 200ms, mark: {every: 100ms}}}", mark, 100*time.Millisecond)
}

func TestWarnings(t *testing.T) {
	f := func(doc string, want ...string) {
		t.Helper()
		got := mustParse(t, "name: x\n"+doc).Warnings
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s\ngot:  %q\nwant: %q", doc, got, want)
		}
	}
	f("")
	f("group: {session: 9s}")
	f("group: {session: 6s}",
		"w.yaml:2:18: group.session: a session of 6s leaves no room for a lost heartbeat of 3s; 3 heartbeats are usual")
	f("consume: {fetch: {wait: 2s}}",
		"w.yaml:2:25: consume.fetch.wait: sarama sends heartbeats behind its fetches, so a wait of 2s delays a heartbeat of 3s; at most half of it is fair")
	f("consume: {fetch: {wait: 600ms}}\nlink: {delay: 99ms}") // kafka-go has 200 ms for the way
	f("consume: {fetch: {wait: 600ms}}\nlink: {delay: 100ms}",
		"w.yaml:2:25: consume.fetch.wait: kafka-go gives a fetch up whose answer comes 200ms after the broker's wait of 600ms, and dials again; over this link one comes 200ms later; a wait of 750ms or more gives it 1s")
	f("consume: {fetch: {wait: 600ms}}\nlink: {loss: 1%, direction: out}",
		"w.yaml:2:25: consume.fetch.wait: kafka-go gives a fetch up whose answer comes 200ms after the broker's wait of 600ms, and dials again; over this link one comes 200ms later once a segment is lost; a wait of 750ms or more gives it 1s")
	f("consume: {fetch: {wait: 600ms}}\nlink: {loss: 1%, on: producers}")
	f("consume: {fetch: {wait: 750ms}}\nlink: {loss: 1%, delay: 100ms, jitter: 50ms}")
	const link = "consume: {members: 3, fetch: {wait: 1s}}\ngroup: {session: 10s, heartbeat: 3s}\nlink: "
	f(link + "{delay: 200ms, jitter: 50ms, direction: out, loss: 15%}")
	f(link+"{loss: 40%, direction: out}",
		"w.yaml:4:14: link.loss: with a loss of 40% about 15 heartbeats an hour come later than the session of 10s allows, and their members are evicted by the network alone; a longer session has fewer")
	f(link + "{loss: 40%, direction: in}") // the node has had the heartbeat
	f(link+"{delay: 8s, direction: out}",
		"w.yaml:4:15: link.delay: heartbeats of 3s come 8s later than they are sent, and a session of 10s does not last so long; write a longer session",
		"w.yaml:4:15: link.delay: a heartbeat of 3s is answered after a round trip that is longer; write a longer heartbeat")
	f(link+"{delay: 2s}",
		"w.yaml:4:15: link.delay: a heartbeat of 3s is answered after a round trip that is longer; write a longer heartbeat")
	f(link+"{blackhole: true}",
		"w.yaml:4:19: link.blackhole: nothing comes through for the whole trial, so no member can ever join; write an act with a time, such as churn: [{do: link, at: 10s, for: 30s, with: {blackhole: true}}]")
	f(link + "{blackhole: true, on: producers}")
	f("group: {rebalance: 2s}",
		"w.yaml:2:20: group.rebalance: a member learns of a rebalance at its next heartbeat, up to 3s later, and is evicted when it has not joined within 2s; write a rebalance of several heartbeats")
	f("consume: {fetch: {wait: 10s}}\ngroup: {rebalance: 10s, heartbeat: 20s, session: 60s}",
		"w.yaml:3:20: group.rebalance: a member learns of a rebalance at its next heartbeat, up to 20s later, and is evicted when it has not joined within 10s; write a rebalance of several heartbeats",
		"w.yaml:2:25: consume.fetch.wait: kafka-go joins again only when its fetches have returned, up to 10s later, and is evicted after 10s; write a shorter wait")
	f("produce: {rate: 1/m}\nconsume: {handler: {time: 40s}}",
		"w.yaml:3:27: consume.handler.time: a member that handles a record for 40s cannot answer a rebalance within 30s, and is evicted; write a longer rebalance or a shorter time")
	f("produce: {rate: 1/m}\nconsume: {handler: {time: 40s, revoke: free}}")
	f("consume: {handler: {time: 100ms}}", // 600 records a second
		"w.yaml:2:27: consume.handler.time: records come faster than they are handled, so a member may have 500 in hand (a poll of franz-go's) and take 50s to give partitions up, where a rebalance waits for 30s; write a longer rebalance, a shorter time or a lower rate")
	f("produce: {rate: 20/s}\nconsume: {handler: {time: 100ms}}")
	f("consume: {members: 20}", "w.yaml:2:20: consume.members: 20 members share 12 partitions, so some are idle")
	f("consume: {commit: {mode: auto, records: 5}}",
		"w.yaml:2:41: consume.commit.records: has an effect in commit mode sync alone")
	f("consume: {members: 0}\ngroup: {static: true}",
		"w.yaml:3:17: group.static: has no effect: nothing consumes, consume.members is 0")
	f("produce: {by: reference, rate: max}\nconsume: {members: 1, backlog: 9}\nphases: {measure: 5s}",
		"w.yaml:4:19: phases.measure: has no effect with a backlog, which is measured from its second batch to a margin before its end")
	f("produce: {by: reference, rate: max, producers: 3}\nconsume: {members: 1, backlog: 9}",
		"w.yaml:2:48: produce.producers: has no effect with a backlog, which one producer fills")
	f("produce: {batch: {records: 1000}}",
		"w.yaml:2:28: produce.batch.records: 1000 records of 256 bytes do not fit into a batch of 65536 bytes, so the bytes decide; clients count them differently")
}

func TestSuite(t *testing.T) {
	d := mustParse(t, "name: s\nabout: two\ninclude:\n  - workload: a\n    set: {rounds: 2, phases.measure: 3s}\n  - workload: b.yaml\n", "rounds=5")
	if d.Spec != nil || d.Suite == nil {
		t.Fatalf("%+v; want a suite", d)
	}
	s := d.Suite
	if s.Name != "s" || s.About != "two" || len(s.Include) != 2 || s.Include[1].Workload != "b.yaml" {
		t.Errorf("%+v", s)
	}
	if set := s.Include[0].Set; set["rounds"] != 2.0 || set["phases.measure"] != "3s" {
		t.Errorf("set is %v", set)
	}
}

func FuzzParse(f *testing.F) {
	src, err := os.ReadFile("testdata/malformed.txt")
	if err != nil {
		f.Fatal(err)
	}
	for c := range strings.SplitSeq(string(src), "=== document\n") {
		doc, _, _ := strings.Cut(c, "=== error\n")
		f.Add(doc, "group.session=6s")
	}
	f.Add("name: x\nmatrix: {group.assignors: [[range], [sticky]], produce.codec: [none, zstd]}\n", "records.size={uniform: [32, 64]}")
	f.Add("name: x\nchurn: [{cycle: [join, leave], when: stable, times: 2, phase: 0.5}, {do: storm, at: 1s, for: 60s, rate: 3/m}, {do: stall, at: 5s, for: 1s, with: {group.session: 20s}}]\n", "churn.1.at=9s")
	f.Fuzz(func(t *testing.T, doc, set string) {
		opt := testOptions()
		opt.Set = []string{set}
		d, err := Parse("w.yaml", []byte(doc), opt)
		var all Errors
		switch {
		case err != nil && (d != nil || !errors.As(err, &all) || len(all) == 0):
			t.Fatalf("a document %v beside the error %v", d, err)
		case err == nil && (d.Spec == nil) == (d.Suite == nil):
			t.Fatal("neither or both of workload and suite")
		case err == nil && d.Spec != nil:
			roundTrip(t, d.Spec)
			if err := d.Spec.Validate(); err != nil {
				t.Fatalf("accepted by Parse, refused by Validate: %v", err)
			}
		}
	})
}
