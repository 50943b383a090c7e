package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// This file reads the leases of all runs, and judges them.

// Leftover is a lease that was found on the cluster.
type Leftover struct {
	Lease
	Renewed time.Time // the last record, by the clock of the cluster
	// Topics and groups that it names and that are there; the lease's own topic is
	// not among them.
	Topics, Groups []string
	// Foreign are topics of a name that it names, which the run did not make.
	Foreign []string
	// Alone is why it is left alone. It is empty for what a dead run left.
	Alone string
	// Keep says that all that speaks against its removal is that the run's user
	// wanted to keep it.
	Keep bool

	sign string // of life: a run that lives changes it
	read error  // why it could not be read
}

// Survey reads all leases, or that of one run, and tells those of the living from
// those of the dead, which takes as long as a run may take to renew its lease.
// others are topics and groups that start as kbench's do and that no lease names.
func (c *Cluster) Survey(ctx context.Context, run string) (left []*Leftover, others []string, err error) {
	ids, err := c.topicIDs(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list topics: %w", err)
	}
	listed, err := c.internal.ListGroups(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list groups: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		if of, lease := runOf(name); lease && (run == "" || run == of) {
			left = append(left, &Leftover{Lease: Lease{Run: of}})
		}
	}
	if err := c.readLeases(ctx, left); err != nil {
		return nil, nil, fmt.Errorf("read leases: %w", err)
	}
	for _, l := range left {
		l.find(ids, slices.Collect(maps.Keys(listed)))
	}
	if err := c.watch(ctx, left); err != nil {
		return nil, nil, fmt.Errorf("watch leases: %w", err)
	}
	for _, l := range left {
		if l.Alone == "" || l.Keep {
			if used := c.used(ctx, l); used != "" {
				l.Alone, l.Keep = used, false
			}
		}
	}
	if run == "" {
		others = unnamed(left, ids, maps.Keys(listed))
	}
	return left, others, nil
}

// topicIDs returns the id of every topic by its name; empty on clusters without ids.
func (c *Cluster) topicIDs(ctx context.Context) (map[string]string, error) {
	req := kmsg.NewPtrMetadataRequest() // of no topics in particular: all
	resp, err := req.RequestWith(ctx, c.internal.raw)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, t := range resp.Topics {
		ids[deref(t.Topic)] = idText(t.TopicID)
	}
	return ids, nil
}

// readLeases reads the last record of each.
func (c *Cluster) readLeases(ctx context.Context, left []*Leftover) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	from := map[string]map[int32]kgo.Offset{}
	for _, l := range left {
		end, err := c.endOf(ctx, leaseName(l.Run))
		switch l.read = err; {
		case err != nil:
		case end == 0:
			l.read = errors.New("it is empty")
		default:
			l.read = errors.New("its last record does not come")
			from[leaseName(l.Run)] = map[int32]kgo.Offset{0: kgo.NewOffset().At(end - 1)}
		}
	}
	if len(from) > 0 {
		cl, err := connect(c.access, kgo.ConsumePartitions(from), kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.FetchMaxWait(100*time.Millisecond))
		if err != nil {
			return err
		}
		defer cl.Close()
		c.lastRecords(ctx, cl, left, len(from))
	}
	for _, l := range left {
		if l.read != nil {
			l.Alone = "its lease cannot be read: " + l.read.Error()
		}
	}
	return nil
}

// lastRecords takes a record, or an error, for each of so many leases.
func (c *Cluster) lastRecords(ctx context.Context, cl *kgo.Client, left []*Leftover, wanted int) {
	of := func(topic string) *Leftover {
		return left[slices.IndexFunc(left, func(l *Leftover) bool { return leaseName(l.Run) == topic })]
	}
	for seen := map[string]bool{}; len(seen) < wanted && ctx.Err() == nil; {
		fetches := cl.PollFetches(ctx)
		fetches.EachError(func(topic string, _ int32, err error) {
			if topic != "" && ctx.Err() == nil { // of all topics: the end of ctx
				of(topic).read, seen[topic] = err, true
			}
		})
		fetches.EachRecord(func(r *kgo.Record) {
			l := of(r.Topic)
			l.Lease, l.read = decodeLease(l.Run, r.Value)
			l.Renewed, seen[r.Topic] = r.Timestamp, true
		})
	}
}

// endOf is the end offset of the first partition of a topic.
func (c *Cluster) endOf(ctx context.Context, topic string) (int64, error) {
	listed, err := c.internal.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	end, ok := listed.Lookup(topic, 0)
	if !ok {
		return 0, kerr.UnknownTopicOrPartition
	}
	return end.Offset, end.Err
}

// decodeLease takes a record for the lease of a run. Whatever it says, the names in it are such
// as that run gives.
func decodeLease(run string, value []byte) (Lease, error) {
	l := Lease{}
	err := json.Unmarshal(value, &l)
	switch {
	case err != nil:
		err = fmt.Errorf("its record is no lease: %w", err)
	case l.Format != leaseFormat:
		err = fmt.Errorf("its record has format %d and this kbench knows %d: use a newer one", l.Format, leaseFormat)
	case l.Run != run:
		err = fmt.Errorf("its record is of run %q", l.Run)
	case l.State != Held && l.State != Kept && l.State != Ended:
		err = fmt.Errorf("its record has state %q", l.State)
	}
	for _, t := range l.Topics {
		if err == nil && !names(run, t.Name) {
			err = fmt.Errorf("it names topic %q, and a run calls nothing so", t.Name)
		}
	}
	for _, g := range l.Groups {
		if err == nil && !names(run, g) {
			err = fmt.Errorf("it names group %q, and a run calls nothing so", g)
		}
	}
	if err != nil {
		return Lease{Run: run}, err
	}
	return l, nil
}

// find says what of the lease is on the cluster.
func (l *Leftover) find(ids map[string]string, groups []string) {
	l.Topics, l.Groups = nil, nil
	for _, t := range l.Lease.Topics {
		switch id, there := ids[t.Name]; {
		case there && t.ID != "" && t.ID != id:
			l.Foreign = append(l.Foreign, t.Name)
		case there:
			l.Topics = append(l.Topics, t.Name)
		}
	}
	for _, g := range l.Lease.Groups {
		if slices.Contains(groups, g) {
			l.Groups = append(l.Groups, g)
		}
	}
}

// The time that a lease may ask to be watched for. A run asks for 10 s.
const (
	leastWatch = 100 * time.Millisecond
	mostWatch  = time.Minute
)

// patience is how long a run may take to give a sign of life.
func (l *Leftover) patience() time.Duration {
	every := time.Duration(min(l.EveryMS, mostWatch.Milliseconds())) * time.Millisecond
	return min(max(missed*every, leastWatch), mostWatch)
}

// watch waits until each run that may live has given a sign of life, or has had the
// time to.
func (c *Cluster) watch(ctx context.Context, left []*Leftover) error {
	var open []*Leftover
	for _, l := range left {
		switch {
		case l.Alone != "":
		case l.State == Kept:
			l.Alone, l.Keep = "it was to be kept", true
		case l.State == Held:
			open = append(open, l)
		}
		if l.Alone == "" || l.Keep {
			var err error
			if l.sign, err = c.signOf(ctx, l); err != nil {
				return err
			}
		}
	}
	from := time.Now()
	return poll(ctx, func() bool {
		open = slices.DeleteFunc(open, func(l *Leftover) bool {
			over := time.Since(from) > l.patience() // before the look, which then is after it
			if c.lives(ctx, l) {
				l.Alone = "it is alive"
			}
			return l.Alone != "" || over
		})
		return len(open) == 0
	})
}

// lives says whether there is a new sign of life. What cannot be asked gives none
// to be sure of, and counts as one.
func (c *Cluster) lives(ctx context.Context, l *Leftover) bool {
	sign, err := c.signOf(ctx, l)
	return err != nil || sign != l.sign
}

// signOf is what a run that lives changes: where its lease ends, and its topics, so
// that one whose supervisor was suspended while its producers go on is not dead.
func (c *Cluster) signOf(ctx context.Context, l *Leftover) (string, error) {
	listed, err := c.internal.ListEndOffsets(ctx, append([]string{leaseName(l.Run)}, l.Topics...)...)
	if err != nil {
		return "", err
	}
	ends := map[string]map[int32]int64{} // printed in order
	for topic, parts := range listed {
		ends[topic] = map[int32]int64{}
		for p, end := range parts {
			ends[topic][p] = end.Offset
		}
	}
	return fmt.Sprint(ends), nil
}

// used says who is in a group of the lease, or why that is not known.
func (c *Cluster) used(ctx context.Context, l *Leftover) string {
	for _, g := range l.Groups {
		s, err := c.GroupState(ctx, g)
		switch {
		case err != nil:
			return err.Error()
		case len(s.Members) == 1:
			return fmt.Sprintf("group %s has a member", g)
		case len(s.Members) > 1:
			return fmt.Sprintf("group %s has %d members", g, len(s.Members))
		}
	}
	return ""
}

// Remove removes what a dead run left, or one that was to be kept: its groups, its
// topics, and, when they are gone, its lease. If it shows any sign of life since the
// survey, nothing is. told hears of each name that is gone.
func (c *Cluster) Remove(ctx context.Context, l *Leftover, told func(what string)) error {
	if l.Alone != "" && !l.Keep {
		return fmt.Errorf("run %s: %s", l.Run, l.Alone)
	}
	if c.lives(ctx, l) {
		return fmt.Errorf("run %s: it is alive after all", l.Run)
	}
	if used := c.used(ctx, l); used != "" {
		return fmt.Errorf("run %s: %s", l.Run, used)
	}
	var errs []error
	remove := func(what, name string, there bool, from func(context.Context, string) error) {
		if err := from(ctx, name); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", what, name, err))
		} else if there {
			told(what + " " + name)
		}
	}
	// What is gone is tried as well: a clean that was killed may have been at it.
	for _, g := range l.Lease.Groups {
		remove("group", g, slices.Contains(l.Groups, g), c.deleteGroup)
	}
	for _, t := range l.Lease.Topics {
		if !slices.Contains(l.Foreign, t.Name) {
			remove("topic", t.Name, slices.Contains(l.Topics, t.Name), c.deleteTopic)
		}
	}
	if len(errs) == 0 {
		remove("topic", leaseName(l.Run), true, c.deleteTopic)
	}
	return errors.Join(errs...)
}

// Alike returns the topics and groups of the cluster whose names start as those that
// kbench makes, sorted.
func (c *Cluster) Alike(ctx context.Context) (topics, groups []string, err error) {
	ids, err := c.topicIDs(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list topics: %w", err)
	}
	listed, err := c.internal.ListGroups(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list groups: %w", err)
	}
	return alike(maps.Keys(ids)), alike(maps.Keys(listed)), nil
}

// alike keeps the names that start with Prefix, sorted.
func alike(names iter.Seq[string]) []string {
	return slices.DeleteFunc(slices.Sorted(names), func(name string) bool { return !strings.HasPrefix(name, Prefix) })
}

// unnamed are the topics and groups that look like kbench's and that no lease names.
func unnamed(left []*Leftover, ids map[string]string, groups iter.Seq[string]) (others []string) {
	named := map[string]bool{}
	for _, l := range left {
		named["topic "+leaseName(l.Run)] = true
		for _, what := range l.what() {
			named[what] = true
		}
	}
	for _, name := range alike(maps.Keys(ids)) {
		others = append(others, "topic "+name)
	}
	for _, name := range alike(groups) {
		others = append(others, "group "+name)
	}
	return slices.DeleteFunc(others, func(what string) bool { return named[what] })
}
