package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// on is a connection to the script's broker, until the script ends.
func on(ts *testscript.TestScript, extra ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append(extra, kgo.SeedBrokers(strings.Split(ts.Getenv("BROKER"), ",")...))...)
	ts.Check(err)
	ts.Defer(cl.Close)
	return cl
}

// limit bounds what only a defect makes long.
func limit(ts *testscript.TestScript) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	ts.Defer(cancel)
	return ctx
}

// theirs makes what others have on a cluster, some of it called as kbench's own is:
// topics with records and settings, groups with commits and settings, and a consumer
// that is at work.
func theirs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: theirs")
	}
	ctx, cl := limit(ts), on(ts, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1)) // not every node knows a new topic at once
	adm := kadm.NewClient(cl)
	retention := "86400000"
	for _, name := range []string{"orders", "kbench-orders", "kbench-prod-important", "kbench-20261129-101500-0abc-1"} {
		_, err := adm.CreateTopic(ctx, 3, 3, map[string]*string{"retention.ms": &retention}, name)
		ts.Check(err)
		for p := range int32(3) {
			ts.Check(cl.ProduceSync(ctx, &kgo.Record{Topic: name, Partition: p, Value: []byte("an order")}).FirstErr())
		}
		offsets := kadm.Offsets{}
		offsets.AddOffset(name, 1, 1, -1)
		commit := func() error { return adm.CommitAllOffsets(ctx, name, offsets) }
		for err = commit(); err != nil && ctx.Err() == nil; err = commit() {
			time.Sleep(100 * time.Millisecond)
		}
		ts.Check(err)
		set := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeGroupConfig, name
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Value = "consumer.session.timeout.ms", kmsg.StringPtr("50000")
		r.Configs = append(r.Configs, c)
		set.Resources = append(set.Resources, r)
		resp, err := set.RequestWith(ctx, cl)
		ts.Check(err)
		ts.Check(kerr.ErrorForCode(resp.Resources[0].ErrorCode))
	}
	consumer := on(ts, kgo.ConsumerGroup("kbench-orders"), kgo.ConsumeTopics("kbench-orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	if f := consumer.PollFetches(ctx); f.Err() != nil || f.Empty() {
		ts.Fatalf("their consumer reads nothing: %v", f.Err())
	}
}

// listing writes into a file all that is on the cluster: topics with their settings
// and ends, groups with members, assignments, offsets and settings, settings of
// brokers. The ends of internal topics are the brokers' own affair.
func listing(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listing FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), list(ts), 0o600))
}

// same waits until the cluster is as it was when a file was written: brokers say that
// something is deleted before all of them have forgotten it.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: same FILE")
	}
	was := ts.ReadFile(args[0])
	now := list(ts)
	for end := time.Now().Add(2 * time.Minute); string(now) != was && time.Now().Before(end); now = list(ts) {
		time.Sleep(200 * time.Millisecond)
	}
	if string(now) != was {
		ts.Fatalf("the cluster was\n%s\nand is\n%s", was, now)
	}
}

func list(ts *testscript.TestScript) []byte {
	ctx, cl := limit(ts), on(ts)
	defer cl.Close()
	adm := kadm.NewClient(cl)
	var out bytes.Buffer
	topics, err := adm.ListTopicsWithInternal(ctx)
	ts.Check(err)
	ends, err := adm.ListEndOffsets(ctx)
	ts.Check(err)
	for _, t := range topics.Sorted() {
		fmt.Fprintf(&out, "topic %s %s: %d partitions, %d copies\n", t.Topic, t.ID, len(t.Partitions), t.Partitions.NumReplicas())
		for _, p := range t.Partitions.Sorted() {
			if end, ok := ends.Lookup(t.Topic, p.Partition); ok && !t.IsInternal {
				fmt.Fprintf(&out, "  %d ends at %d\n", p.Partition, end.Offset)
			}
		}
	}
	groups, err := adm.ListGroups(ctx)
	ts.Check(err)
	for _, name := range groups.Groups() {
		described, err := adm.DescribeGroups(ctx, name)
		ts.Check(err)
		g := described[name]
		fmt.Fprintf(&out, "group %s: %s %s\n", name, g.State, g.ProtocolType)
		for _, m := range g.Members {
			assigned, _ := m.Assigned.AsConsumer()
			fmt.Fprintf(&out, "  member %s has %v\n", m.MemberID, assigned.Topics)
		}
		offsets, err := adm.FetchOffsets(ctx, name)
		ts.Check(err)
		for _, o := range offsets.Sorted() {
			fmt.Fprintf(&out, "  %s %d is at %d\n", o.Topic, o.Partition, o.At)
		}
	}
	listed, err := kmsg.NewPtrListConfigResourcesRequest().RequestWith(ctx, cl)
	ts.Check(err)
	describe := kmsg.NewPtrDescribeConfigsRequest()
	for _, r := range listed.ConfigResources {
		if kmsg.ConfigResourceType(r.Type) == kmsg.ConfigResourceTypeBrokerLogger {
			continue // they come with the classes that a node has loaded
		}
		d := kmsg.NewDescribeConfigsRequestResource()
		d.ResourceType, d.ResourceName = kmsg.ConfigResourceType(r.Type), r.Name
		describe.Resources = append(describe.Resources, d)
	}
	var lines []string
	for _, shard := range cl.RequestSharded(ctx, describe) {
		ts.Check(shard.Err)
		lines = append(lines, settings(shard.Resp.(*kmsg.DescribeConfigsResponse))...)
	}
	slices.Sort(lines)
	out.WriteString(strings.Join(lines, ""))
	return out.Bytes()
}

// settings are those that somebody has set.
func settings(resp *kmsg.DescribeConfigsResponse) (lines []string) {
	for _, r := range resp.Resources {
		for _, c := range r.Configs {
			if c.Value != nil && c.Source != kmsg.ConfigSourceDefaultConfig {
				lines = append(lines, fmt.Sprintf("settings of %s %s: %s=%s\n", r.ResourceType, r.ResourceName, c.Name, *c.Value))
			}
		}
	}
	return lines
}

// awaits waits until there is a file.
func awaits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: awaits FILE")
	}
	for end := limit(ts); ; time.Sleep(20 * time.Millisecond) {
		if found, _ := filepath.Glob(ts.MkAbs(args[0])); len(found) > 0 {
			return
		}
		if end.Err() != nil {
			ts.Fatalf("%s did not come", args[0])
		}
	}
}

// commits waits until a group has an offset.
func commits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: commits GROUP")
	}
	adm := kadm.NewClient(on(ts))
	for end := limit(ts); ; time.Sleep(50 * time.Millisecond) {
		if offsets, err := adm.FetchOffsets(end, args[0]); err == nil && len(offsets) > 0 {
			return
		}
		if end.Err() != nil {
			ts.Fatalf("nobody has committed for %s", args[0])
		}
	}
}

// until runs kbench again and again until it prints what matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN ARG...")
	}
	want := regexp.MustCompile(`(?m)` + args[0])
	for end := limit(ts); ; {
		_ = ts.Exec("kbench", args[1:]...) // its exit code says less than what it prints
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if end.Err() != nil {
			ts.Fatalf("it never said %q", args[0])
		}
	}
}

// runID sets a variable to the name of the run in a directory.
func runID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: runid VARIABLE DIRECTORY")
	}
	var run struct {
		ID string `json:"id"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(filepath.Join(args[1], "run.json"))), &run))
	ts.Setenv(args[0], run.ID)
}
