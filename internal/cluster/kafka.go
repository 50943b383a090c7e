package cluster

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/kbench/kbench/internal/scratch"
	"github.com/kbench/kbench/results"
)

const (
	// portTries is how often a start that lost the race for a port is repeated:
	// the JVMs cannot be handed a port that is already open, so it is free for a
	// moment between being chosen and being used.
	portTries = 3

	// startTimeout bounds the way from the first JVM to readiness. Three nodes
	// on two cores take about ten seconds.
	startTimeout = 2 * time.Minute
)

// kafkaNodes is Apache Kafka on this host: one JVM per node, each broker and
// controller at once.
type kafkaNodes struct {
	is    ready
	dir   *scratch.Dir
	nodes []*jvm // which change under mu once the cluster is ready
	dead  chan error

	// again starts a node once more.
	again func(n int) (*jvm, error)
	mu    sync.Mutex
	ended bool // the end of all is wanted
}

// errPortTaken says that a node did not get its port.
var errPortTaken = errors.New("a port was taken by another process")

func startKafka(ctx context.Context, o Options) (nodes, error) {
	o.progress("looking for Java and Apache Kafka")
	dist, err := findDistribution(ctx, o, os.Getenv)
	if err != nil {
		return nil, err
	}
	return startDistribution(ctx, o, dist, freePorts)
}

// startDistribution starts the nodes on ports that choose picks.
func startDistribution(ctx context.Context, o Options, dist distribution, choose func(int) ([]int, error)) (nodes, error) {
	for try := 1; ; try++ {
		k, err := tryKafka(ctx, o, dist, choose)
		if err == nil {
			return k, nil
		}
		if !errors.Is(err, errPortTaken) || try == portTries {
			return nil, fmt.Errorf("Apache Kafka %s: %w", dist.version, err)
		}
		o.progress("a port was taken, starting again")
	}
}

// tryKafka is one attempt. It leaves nothing behind when it fails.
func tryKafka(ctx context.Context, o Options, dist distribution, choose func(int) ([]int, error)) (_ *kafkaNodes, err error) {
	access, id, err := o.Security.secure()
	if err != nil {
		return nil, err
	}
	dir, err := scratch.New(os.TempDir(), Kafka)
	if err != nil {
		return nil, fmt.Errorf("directory for the data of the broker: %w", err)
	}
	k := &kafkaNodes{dir: dir, dead: make(chan error, o.Nodes)}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.stop())
		}
	}()
	ports, err := choose(portsPerNode * o.Nodes)
	if err != nil {
		return nil, err
	}
	layout := layout{dir: dir.Path, ports: ports, nodes: o.Nodes, props: o.Props, access: access}
	if err := layout.write(id); err != nil {
		return nil, err
	}
	o.progress("formatting the storage of %s", nodeCount(o.Nodes))
	if err := format(ctx, dist, layout); err != nil {
		return nil, err
	}
	o.progress("starting Apache Kafka %s, %s", dist.version, nodeCount(o.Nodes))
	for n := range o.Nodes {
		node, err := startNode(ctx, o, dist, layout, n)
		if err != nil {
			return nil, err
		}
		k.nodes = append(k.nodes, node)
		go node.watch(k.dead)
	}
	k.again = func(n int) (*jvm, error) { return startNode(ctx, o, dist, layout, n) }
	access.Seeds = layout.seeds()
	if err := k.await(ctx, layout, access); err != nil {
		return nil, err
	}
	k.is = ready{Access: access, Info: results.Broker{
		Kind:    Kafka,
		Title:   kafkaTitle(dist.version, o),
		Version: dist.version,
		Nodes:   o.Nodes,
		Heap:    o.Heap,
		GC:      "SerialGC",
		TLS:     access.TLS != nil,
		SASL:    o.Security.SASL,
		Java:    dist.javaVersion,
	}}
	k.is.PIDs = k.pids()
	return k, nil
}

// format gives every node its storage. The tool of Apache Kafka is a JVM of its
// own and takes seconds, so it formats the first node only; the others get the
// same first metadata and an identity of their own.
func format(ctx context.Context, dist distribution, l layout) error {
	cluster := newID()
	text, err := run(ctx, dist.java, "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dlog4j2.configurationFile="+l.logConfig(), "-cp", filepath.Join(dist.libs, "*"),
		"kafka.tools.StorageTool", "format", "-t", cluster, "-c", l.properties(0))
	if err != nil {
		return fmt.Errorf("format the storage: %w: %s", err, lastLines(text, 3))
	}
	first, err := os.ReadFile(filepath.Join(l.data(0), bootstrapFile))
	if err != nil {
		return fmt.Errorf("format the storage: %w", err)
	}
	for n := 1; n < l.nodes; n++ {
		meta := fmt.Sprintf("version=1\ncluster.id=%s\nnode.id=%d\ndirectory.id=%s\n", cluster, l.id(n), newID())
		if err := errors.Join(
			os.MkdirAll(l.data(n), 0o700),
			os.WriteFile(filepath.Join(l.data(n), "meta.properties"), []byte(meta), 0o600),
			os.WriteFile(filepath.Join(l.data(n), bootstrapFile), first, 0o600),
		); err != nil {
			return fmt.Errorf("format the storage of node %d: %w", l.id(n), err)
		}
	}
	return nil
}

// bootstrapFile holds the first records of the cluster's metadata.
const bootstrapFile = "bootstrap.checkpoint"

// newID makes an id in the form that Apache Kafka gives cluster and directories:
// a UUID of version 4 in 22 characters, which start with no dash so that a command
// line does not take them for a flag.
func newID() string {
	for {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		b[6] = b[6]&0x0f | 0x40
		b[8] = b[8]&0x3f | 0x80
		if id := base64.RawURLEncoding.EncodeToString(b[:]); id[0] != '-' {
			return id
		}
	}
}

// await returns when every node is registered and a group can be coordinated. The
// first request for a coordinator makes the topic of the offsets, which must not
// happen in the first measured trial.
func (k *kafkaNodes) await(ctx context.Context, l layout, access Access) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	internal, err := newAdmin(Access{Seeds: l.internalSeeds()})
	if err != nil {
		return err
	}
	defer internal.close()

	var died error
	last := errors.New("no answer yet")
	step := func(yes func() error) error {
		err := poll(ctx, func() bool {
			for _, n := range k.nodes {
				if n.lostPort() {
					died = fmt.Errorf("%w: node %d: %s", errPortTaken, n.id, n.lastWords())
					return true
				}
			}
			select {
			case died = <-k.dead:
				return true
			default:
			}
			last = yes()
			return last == nil
		})
		if err == nil {
			err = died
		}
		return err
	}
	err = step(func() error {
		ids, err := internal.brokers(ctx)
		if err == nil && len(ids) < l.nodes {
			err = fmt.Errorf("%d of %s registered", len(ids), nodeCount(l.nodes))
		}
		return err
	})
	if err == nil && access.SASL != nil && strings.HasPrefix(access.SASL.Mechanism, "SCRAM") {
		err = step(func() error { return internal.createUser(ctx, access) })
	}
	if err == nil {
		err = step(func() error { return internal.FindGroupCoordinators(ctx, Prefix+"ready").Error() })
	}
	if err == nil {
		err = step(func() error { return internal.awaitTopic(ctx, "__consumer_offsets", 1) })
	}
	if err == nil {
		err = awaitClients(ctx, step, access)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("not ready after %v: %w; %s", time.Since(began).Round(time.Second), last, k.nodes[0].lastWords())
	}
	return err
}

// awaitClients looks at every node the way clients will: through the listener and
// with the credentials that they are given. A node that has not heard of a new user
// refuses it, which clients take as final.
func awaitClients(ctx context.Context, step func(func() error) error, access Access) error {
	outside, err := newAdmin(access)
	if err != nil {
		return err
	}
	defer outside.close()
	return step(func() error {
		versions, err := outside.ApiVersions(ctx)
		for _, v := range versions {
			err = errors.Join(err, v.Err)
		}
		return err
	})
}

// createUser makes the SCRAM user of the listener for clients. It goes through the
// internal listener, so that the password stands on no command line.
func (a *admin) createUser(ctx context.Context, access Access) error {
	mechanism := kadm.ScramSha256
	if access.SASL.Mechanism == "SCRAM-SHA-512" {
		mechanism = kadm.ScramSha512
	}
	altered, err := a.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{
		User: access.SASL.User, Mechanism: mechanism, Iterations: 4096, Password: access.SASL.Password,
	}})
	if err == nil {
		err = altered.Error()
	}
	if err != nil {
		return fmt.Errorf("create the SCRAM user: %w", err)
	}
	return nil
}

func (k *kafkaNodes) ready() ready       { return k.is }
func (k *kafkaNodes) died() <-chan error { return k.dead }

// stop kills the nodes. Their data goes with them, so that there is nothing to leave in
// good order, and a node that hangs, or that has lost the others, would never end so.
func (k *kafkaNodes) stop() error {
	k.mu.Lock()
	k.ended = true
	nodes := slices.Clone(k.nodes)
	k.mu.Unlock()
	for _, n := range nodes {
		n.end()
	}
	for _, n := range nodes {
		<-n.Done()
		<-n.copy
	}
	return removeData(k.dir)
}

// removeData removes the directory of a broker that has one.
func removeData(dir *scratch.Dir) error {
	if dir == nil {
		return nil
	}
	if err := dir.Remove(); err != nil {
		return fmt.Errorf("remove the data of the broker: %w", err)
	}
	return nil
}

// kafkaTitle says what a cluster is, and what of it is not as Apache Kafka or kbench
// has it by default.
func kafkaTitle(version string, o Options) string {
	return fmt.Sprintf("Apache Kafka %s, %s", version, nodeCount(o.Nodes)) + propsTitle(o)
}

// propsTitle names the properties that were set.
func propsTitle(o Options) (title string) {
	for _, name := range slices.Sorted(maps.Keys(o.Props)) {
		title += fmt.Sprintf(", %s=%s", name, o.Props[name])
	}
	return title
}
