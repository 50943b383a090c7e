// Package cluster is the broker under test, in processes of its own, and its
// admin side: topics, end offsets, groups, and the direct read-back that the
// audit rests on.
//
// A cluster is one of three kinds. Embedded: a simulated broker (kfake) in one
// `kbench broker` process, so that a newcomer needs nothing but Go. Kafka: Apache
// Kafka in KRaft mode, one JVM per node, children of a `kbench broker` process
// that ends them when the supervisor is gone. Attached: a cluster of the user's
// own, in which nothing that existed is touched: a lease (lease.go) names what a run
// makes there.
//
// Start is the supervisor's side, Serve the side of the `kbench broker` process.
// They speak JSON lines over its standard input and output, so that the broker may
// run wherever a launcher can put it. Apart from the adapters, no other package
// imports a Kafka client.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
)

// The kinds of cluster.
const (
	Embedded = "embedded"
	Kafka    = "kafka"
	Attached = "attached"
)

// Defaults of Options.
const (
	DefaultNodes   = 3
	DefaultVersion = "4.3.1"
	DefaultHeap    = "256m"
)

// Options says which cluster to use. The zero value of every field but Kind
// means its default.
type Options struct {
	Kind  string `json:"kind"`  // Embedded, Kafka or Attached
	Nodes int    `json:"nodes"` // embedded and kafka; DefaultNodes

	// Version and Heap are of kafka.
	Version string `json:"version,omitempty"`
	Heap    string `json:"heap,omitempty"`

	// Props are broker properties over those that kbench sets (embedded and
	// kafka).
	Props map[string]string `json:"props,omitempty"`

	// Security of the listener that clients use (embedded and kafka).
	Security Security `json:"security"`

	// Blackhole makes an embedded broker acknowledge records and drop them, so
	// that a producer can be measured without the storage behind it.
	Blackhole bool `json:"blackhole,omitempty"`

	// OnDisk has an embedded broker keep records in files, and not in its memory, which
	// then is bounded however many come.
	OnDisk bool `json:"on_disk,omitempty"`

	// Brokers and ConfigFile are of attached: host:port addresses, and a YAML
	// file with TLS and SASL settings (FileConfig).
	Brokers    []string `json:"brokers,omitempty"`
	ConfigFile string   `json:"config_file,omitempty"`

	// CPUs are the processors that all nodes may use (embedded and kafka); nil: any.
	CPUs launch.CPUSet `json:"-"`

	// Log takes the broker process's standard error. Progress is told, in a few
	// words, what a start that takes time is doing.
	Log      io.Writer    `json:"-"`
	Progress func(string) `json:"-"`

	allow func(time.Duration) // is told by how much longer the start may take
}

// Security is how clients connect to a cluster that kbench starts. The certificate
// authority, the certificates and, where none is given, the password are made
// for this cluster and live as long as it does.
type Security struct {
	TLS      bool   `json:"tls,omitempty"`
	SASL     string `json:"sasl,omitempty"` // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, or empty
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
}

// Check says what is wrong with the options, as far as that is known before
// anything starts.
func (o Options) Check() error {
	_, err := o.normal()
	return err
}

// normal fills in the defaults and refuses what makes no sense for the kind:
// nothing is accepted and then ignored.
func (o Options) normal() (Options, error) {
	var problems []error
	refuse := func(set bool, what, kinds string) {
		if set {
			problems = append(problems, fmt.Errorf("%s cannot be set for broker %q: it belongs to %s", what, o.Kind, kinds))
		}
	}
	own := o.Kind == Embedded || o.Kind == Kafka
	switch o.Kind {
	case Embedded, Kafka, Attached:
	default:
		return o, fmt.Errorf("broker %q is not known: use embedded, kafka or attached", o.Kind)
	}
	refuse(o.Kind != Embedded && o.Blackhole, "dropping produced data", "embedded")
	refuse(o.Kind != Embedded && o.OnDisk, "records on disk", "embedded")
	refuse(o.Kind != Kafka && o.Version != "", "a Kafka version", "kafka")
	refuse(o.Kind != Kafka && o.Heap != "", "a JVM heap", "kafka")
	refuse(o.Kind != Attached && len(o.Brokers) > 0, "a list of brokers", "attached")
	refuse(o.Kind != Attached && o.ConfigFile != "", "a connection file", "attached")
	refuse(!own && o.Nodes != 0, "a number of nodes", "embedded and kafka")
	refuse(!own && len(o.Props) > 0, "broker properties", "embedded and kafka")
	refuse(!own && o.CPUs != nil, "CPUs", "embedded and kafka")
	refuse(!own && o.Security != Security{}, "the security of the listener", "embedded and kafka")
	if o.Kind == Attached && len(o.Brokers) == 0 {
		problems = append(problems, errors.New("no brokers to attach to: give --brokers host:port"))
	}
	if o.Nodes < 0 || o.Nodes > maxNodes {
		problems = append(problems, fmt.Errorf("%d nodes: use 1 to %d", o.Nodes, maxNodes))
	}
	if s := o.Security.SASL; s != "" && !slices.Contains(mechanisms(), s) {
		problems = append(problems, fmt.Errorf("SASL mechanism %q is not known: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s))
	}
	if s := o.Security; s.SASL == "" && s.User+s.Password != "" {
		problems = append(problems, errors.New("a user or password without SASL: name the mechanism"))
	}
	if u := o.Security.User; !userShape.MatchString(u) {
		problems = append(problems, fmt.Errorf("user %q: use letters, digits, dots, dashes and underscores", u))
	}
	if len(problems) > 0 {
		return o, errors.Join(problems...)
	}
	if own && o.Nodes == 0 {
		o.Nodes = DefaultNodes
	}
	if o.Kind == Kafka && o.Heap == "" {
		o.Heap = DefaultHeap
	}
	return o, nil
}

// userShape is what a user may be called where kbench makes the user: the name is
// part of an option's name in the broker's configuration.
var userShape = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)

// maxNodes bounds a cluster on one host: each node of Apache Kafka is a JVM.
const maxNodes = 9

func mechanisms() []string { return []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} }

func (o Options) progress(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, args...))
	}
}

func (o Options) allowMore(d time.Duration) {
	if o.allow != nil {
		o.allow(d)
	}
}

// Cluster is a cluster that is ready for clients. Its admin methods (in admin.go)
// may be used by several goroutines.
type Cluster struct {
	access   Access
	info     results.Broker
	internal *admin
	died     chan error
	proc     *brokerProcess // nil where attached
	holder   *holder        // of the lease of this run, where attached

	pidsMu sync.Mutex
	pids   []int // of the nodes, in their order; one process may be several nodes

	stop    sync.Once
	stopErr error
}

// Start starts the cluster that o asks for, or attaches to it, and returns when
// every node answers. self is the command that runs `kbench broker` and l the
// launcher that runs it. When ctx is done before that, or the start takes so long
// that it must hang, what was started is stopped; afterwards the cluster lives
// until Stop.
func Start(ctx context.Context, o Options, l launch.Launcher, self []string) (*Cluster, error) {
	o, err := o.normal()
	if err != nil {
		return nil, err
	}
	if o.Kind == Attached {
		return attach(ctx, o)
	}
	within, s := startWithin(ctx, startLimit(o.Kind))
	defer s.end()
	proc, err := startBroker(within, s.through(o), l, self)
	if err != nil {
		return nil, fmt.Errorf("start broker %s: %w", o.Kind, err)
	}
	adm, err := newAdmin(proc.ready.Access)
	if err != nil {
		proc.abandon()
		return nil, fmt.Errorf("start broker %s: %w", o.Kind, err)
	}
	return &Cluster{
		access: proc.ready.Access, info: proc.ready.Info, pids: proc.ready.PIDs,
		internal: adm, died: proc.died, proc: proc,
	}, nil
}

// Access says how clients reach the cluster.
func (c *Cluster) Access() Access { return c.access }

// Info says which cluster this is, for reports.
func (c *Cluster) Info() results.Broker { return c.info }

// PIDs returns the processes whose CPU is the broker's, each once: the JVMs, or
// the process of the embedded broker. It is empty where attached.
func (c *Cluster) PIDs() []int {
	c.pidsMu.Lock()
	defer c.pidsMu.Unlock()
	return slices.Compact(slices.Clone(c.pids))
}

// ParentPID returns the `kbench broker` process that the nodes are children of. It
// is 0 where the nodes live in that very process, and where attached.
func (c *Cluster) ParentPID() int {
	if c.proc == nil || slices.Contains(c.PIDs(), c.proc.PID()) {
		return 0
	}
	return c.proc.PID()
}

// Died reports each node or broker process that ended unasked, with its last
// words. The channel is never closed; nothing comes after Stop.
func (c *Cluster) Died() <-chan error { return c.died }

// Stop ends the cluster and returns when nothing of it is left; an attached one is
// only disconnected from. When ctx is done it is killed.
func (c *Cluster) Stop(ctx context.Context) error {
	c.stop.Do(func() {
		if c.holder != nil { // whoever stops without an end of the lease leaves it to clean
			c.holder.close()
		}
		c.internal.close()
		if c.proc == nil {
			return
		}
		if err := c.proc.stop(ctx); err != nil {
			c.stopErr = fmt.Errorf("stop broker %s: %w", c.info.Kind, err)
		}
	})
	return c.stopErr
}
