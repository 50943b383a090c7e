package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Lease is how others on an attached cluster know what there is a run's, and
// whether the run lives. It is a topic, kbench-<run>-lease, to which the run
// writes this record again and again; the last one counts. A name stands in it
// before it is made and until it is gone, so that a run that is killed at any time
// has named all that it leaves. What no lease names is nobody's to delete.
type Lease struct {
	Format  int       `json:"kbench_lease"` // leaseFormat
	Run     string    `json:"run"`
	User    string    `json:"user"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// EveryMS is how often the run writes. Nobody's clock matters: a run that has
	// written nothing for missed times as long, while somebody watched, is dead.
	EveryMS int64      `json:"every_ms"`
	State   LeaseState `json:"state"`
	Topics  []Made     `json:"topics"`
	Groups  []string   `json:"groups"`
}

// Made is a topic of a run. Its id, of clusters that have ids, is known once it was
// made: another topic of the name is another's.
type Made struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
}

// LeaseState says what a run means with its lease.
type LeaseState string

const (
	Held  LeaseState = "held"  // the run lives, or was killed
	Kept  LeaseState = "kept"  // it ended, and its user wants to keep what it made
	Ended LeaseState = "ended" // it ended, and something could not be deleted
)

const (
	leaseFormat = 1
	// LeaseEvery is how often a run renews its lease.
	LeaseEvery = 2 * time.Second
	// missed is how many renewals of a run fail to come before it is dead.
	missed = 5
	// renewWithin bounds one attempt: the next one may find the cluster better.
	renewWithin = 5 * time.Second
	// leaseReplication is that of most clusters for what must not be lost.
	leaseReplication = 3
)

// holder holds the lease of the run of this process.
type holder struct {
	client *kgo.Client
	topic  string
	cancel context.CancelFunc
	loop   sync.WaitGroup
	lost   chan error

	mu    sync.Mutex // guards the rest, and that the lease is written in the order of its changes
	lease Lease
	gone  bool // somebody has deleted it
}

// TakeLease begins the lease of a run on an attached cluster, which must be there
// before anything else is made, and renews it until EndLease or Stop. Other clusters
// are the run's own, and need none.
func (c *Cluster) TakeLease(ctx context.Context, run string, every time.Duration) (err error) {
	if c.info.Kind != Attached {
		return nil
	}
	defer func() {
		if err != nil {
			err = c.denied(fmt.Errorf("take the lease of run %s: %w", run, err))
		}
	}()
	if !IsRunID(run) {
		return errors.New("a run is not called so")
	}
	topic := leaseName(run)
	// The last record stays however old it is.
	config := map[string]*string{"cleanup.policy": ptr("compact"), "message.timestamp.type": ptr("LogAppendTime")}
	_, err = c.internal.Client.CreateTopic(ctx, 1, int16(max(1, min(leaseReplication, c.info.Nodes))), config, topic)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		err = errTaken
	}
	if err == nil {
		err = c.internal.awaitTopic(ctx, topic, 1)
	}
	if err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	h := &holder{topic: topic, lost: make(chan error, 1), lease: newLease(run, every)}
	if err := h.begin(ctx, c.access); err != nil {
		// Without a record nobody could tell whose it is.
		soon, cancel := context.WithTimeout(context.Background(), renewWithin)
		defer cancel()
		return errors.Join(err, c.deleteTopic(soon, topic))
	}
	loop, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	h.loop.Go(func() { h.renew(loop, every) })
	c.holder = h
	return nil
}

// begin writes the first record.
func (h *holder) begin(ctx context.Context, a Access) (err error) {
	h.client, err = connect(a,
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		// It needs no more rights than to write, and what takes too long is given up.
		kgo.DisableIdempotentWrite(),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // any tool shows it
	)
	if err != nil {
		return err
	}
	// A leader may know of the topic a little before it takes records for it.
	perr := poll(ctx, func() bool {
		err = h.change(ctx, func(*Lease) {})
		return !missing(err)
	})
	if err == nil {
		err = perr
	}
	if err != nil {
		h.client.Close()
	}
	return err
}

// missing says whether a topic is not there, after the client has asked several
// nodes, one after the other.
func missing(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID)
}

func newLease(run string, every time.Duration) Lease {
	l := Lease{Format: leaseFormat, Run: run, PID: os.Getpid(), Started: time.Now().UTC().Truncate(time.Second), EveryMS: every.Milliseconds(), State: Held}
	l.Host, _ = os.Hostname()
	l.User = os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		l.User = u.Username
	}
	return l
}

func ptr(s string) *string { return &s }

// change changes the lease and writes it. An error means that it may not stand on
// the cluster.
func (h *holder) change(ctx context.Context, f func(*Lease)) error {
	done := make(chan error, 1)
	h.mu.Lock()
	f(&h.lease)
	value, err := json.Marshal(h.lease)
	if err == nil {
		// One producer with one request under way writes in the order of these calls.
		h.client.Produce(ctx, &kgo.Record{Topic: h.topic, Key: []byte(leaseEnd), Value: value}, func(_ *kgo.Record, err error) { done <- err })
	}
	h.mu.Unlock()
	if err == nil {
		err = <-done
	}
	if err != nil {
		return fmt.Errorf("write to %s: %w", h.topic, err)
	}
	return nil
}

// renew writes the lease every so often. That a cluster does not answer for a while
// says nothing; a lease that is gone was taken for that of a dead run, and what this
// one made is gone too.
func (h *holder) renew(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		once, cancel := context.WithTimeout(ctx, renewWithin)
		err := h.change(once, func(*Lease) {})
		cancel()
		if missing(err) || errors.Is(err, kerr.TopicAuthorizationFailed) {
			h.mu.Lock()
			h.gone = true
			h.mu.Unlock()
			h.lost <- fmt.Errorf("the lease of this run on the cluster is lost, and with it what the run made may be: %w", err)
			return
		}
	}
}

// close ends the renewals. It may be called again.
func (h *holder) close() {
	h.cancel()
	h.loop.Wait()
	h.client.Close()
}

// EndLease ends the renewals. Where nothing is left of the run on the cluster the
// lease goes too. With keep all stays, and the lease says so.
func (c *Cluster) EndLease(ctx context.Context, keep bool) error {
	h := c.holder
	if h == nil {
		return nil
	}
	c.holder = nil
	h.cancel()
	h.loop.Wait()
	defer h.client.Close()
	left := h.lease.what() // the loop has ended, and a run makes nothing any more
	switch {
	case len(left) == 0:
		if err := c.deleteTopic(ctx, h.topic); err != nil {
			return fmt.Errorf("delete the lease, topic %s: %w", h.topic, err)
		}
		return nil
	case keep:
		return h.change(ctx, func(l *Lease) { l.State = Kept })
	default:
		err := h.change(ctx, func(l *Lease) { l.State = Ended })
		return errors.Join(fmt.Errorf("left on the cluster, for kbench clean --run %s to remove: %s", h.lease.Run, strings.Join(left, ", ")), err)
	}
}

// LeaseLost has an error when the lease of the run was lost. It is nil where there
// is none.
func (c *Cluster) LeaseLost() <-chan error {
	if c.holder == nil {
		return nil
	}
	return c.holder.lost
}

// what lists the names of a lease, with what they are of.
func (l *Lease) what() (all []string) {
	for _, t := range l.Topics {
		all = append(all, "topic "+t.Name)
	}
	for _, g := range l.Groups {
		all = append(all, "group "+g)
	}
	return all
}

var (
	errTaken = errors.New("it is there already, and this run did not make it: it is left alone")
	// ErrNotOurs is of what a run may not change or delete.
	ErrNotOurs = errors.New("this run did not make it: it is left alone")
)

// held is the lease that names what is made on this cluster. It is nil for one that
// is the run's own.
func (c *Cluster) held() (*holder, error) {
	if c.info.Kind == Attached && c.holder == nil {
		return nil, errors.New("nothing is made or changed on a cluster of others without a lease")
	}
	return c.holder, nil
}

// mine is an error for a topic or group that the lease of this run does not name.
func (c *Cluster) mine(name string) error {
	h, err := c.held()
	if h == nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.lease.hasTopic(name) && !slices.Contains(h.lease.Groups, name) {
		return ErrNotOurs
	}
	return nil
}

func (l *Lease) hasTopic(name string) bool {
	return slices.ContainsFunc(l.Topics, func(t Made) bool { return t.Name == name })
}

// claimTopic writes a topic down that is about to be made, unless it is there.
func (c *Cluster) claimTopic(ctx context.Context, name string) error {
	h, err := c.held()
	if h == nil {
		return err
	}
	there, err := c.topicThere(ctx, name)
	if err != nil {
		return err
	}
	return h.claim(ctx, name, there, func(l *Lease) { l.Topics = append(l.Topics, Made{Name: name}) }, dropTopic(name))
}

// ClaimGroup writes a group down that is about to be made by its first member. One
// that is there is another's.
func (c *Cluster) ClaimGroup(ctx context.Context, name string) error {
	h, err := c.held()
	if err == nil && h != nil {
		var s GroupState
		if s, err = c.GroupState(ctx, name); err == nil {
			err = h.claim(ctx, name, s.State != dead, func(l *Lease) { l.Groups = append(l.Groups, name) }, dropGroup(name))
		}
	}
	if err != nil {
		return fmt.Errorf("make group %s: %w", name, err)
	}
	return nil
}

func (h *holder) claim(ctx context.Context, name string, there bool, add, drop func(*Lease)) error {
	if there {
		return errTaken
	}
	if !names(h.lease.Run, name) {
		return fmt.Errorf("run %s calls nothing so", h.lease.Run)
	}
	err := h.change(ctx, add)
	if err != nil {
		h.forget(drop)
	}
	return err
}

func dropTopic(name string) func(*Lease) {
	return func(l *Lease) {
		l.Topics = slices.DeleteFunc(l.Topics, func(t Made) bool { return t.Name == name })
	}
}

func dropGroup(name string) func(*Lease) {
	return func(l *Lease) {
		l.Groups = slices.DeleteFunc(l.Groups, func(g string) bool { return g == name })
	}
}

// madeTopic writes down which topic of the name it is.
func (c *Cluster) madeTopic(ctx context.Context, name string) error {
	if c.holder == nil {
		return nil
	}
	id, err := c.TopicID(ctx, name)
	if err != nil || id == "" {
		return err
	}
	return c.holder.change(ctx, func(l *Lease) {
		for i := range l.Topics {
			if l.Topics[i].Name == name {
				l.Topics[i].ID = id
			}
		}
	})
}

// strike takes what is gone from the lease.
func (c *Cluster) strike(ctx context.Context, drop func(*Lease)) error {
	if c.holder == nil || c.holder.forget(drop) {
		return nil
	}
	return c.holder.change(ctx, func(*Lease) {})
}

// forget takes a name from the lease that will be written next, and says whether
// there is none to write to any more.
func (h *holder) forget(drop func(*Lease)) (gone bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	drop(&h.lease)
	return h.gone
}

// topicThere asks for a topic without making it.
func (c *Cluster) topicThere(ctx context.Context, name string) (bool, error) {
	meta, err := c.internal.metadata(ctx, c.internal.raw, name)
	if err != nil {
		return false, err
	}
	for _, t := range meta.Topics {
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			return false, nil
		case errors.Is(err, kerr.TopicAuthorizationFailed):
			return false, err
		}
	}
	return true, nil
}

// LeaseTopic is the topic of the lease itself.
func (l *Lease) LeaseTopic() string { return leaseName(l.Run) }

// Whose says whose a lease is, for a person.
func (l *Lease) Whose() string {
	return fmt.Sprintf("%s on %s, process %d, since %s", cmp.Or(l.User, "somebody"), cmp.Or(l.Host, "some host"), l.PID, l.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
}
