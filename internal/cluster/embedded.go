package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/internal/scratch"
	"github.com/kbench/kbench/results"
)

// embedded is the simulated cluster: all nodes live in this process. Records are
// kept until their topic is deleted, which the harness does after each trial: a bound
// of their number would make the audit report losses. They are in memory, where nothing
// waits for a disk, or, where they may be more than that has room for, in files. Then
// the memory holds what is on its way and an index of some 100 bytes for each batch.
type embedded struct {
	cluster     *kfake.Cluster
	dir         *scratch.Dir // of the files; nil: all is in memory
	coordinator *coordinator
	admin       *admin  // of the coordinator
	doors       []*door // of the nodes, in their order
	epochs      epochs
	injections  injections
	is          ready
}

// segmentBytes is the length of a file of a partition's log. The simulation keeps
// files in memory, and one that grows is copied into one twice as large, while no
// node answers anybody: at 100 MiB, which is its default, that took half a second
// for twelve partitions. A file of this length is copied in less time than a record
// waits anyhow, and leaves less of its last doubling unused.
const segmentBytes = 256 << 10

// diskSegmentBytes is the same on a disk, where nothing is copied. The simulation keeps
// a descriptor of each file that was read.
const diskSegmentBytes = 16 << 20

// minSession is the shortest session timeout that the clusters accept: below the
// brokers' own default of 6 s, because a workload may ask for less.
const minSession = 100 * time.Millisecond

// maxSession is the longest that the embedded cluster accepts: what Apache Kafka
// does by default.
const maxSession = 30 * time.Minute

func startEmbedded(ctx context.Context, o Options) (_ nodes, err error) {
	access, id, err := o.Security.secure()
	if err != nil {
		return nil, err
	}
	e := &embedded{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("embedded broker: %w", err), e.stop())
		}
	}()
	opts := []kfake.Opt{
		kfake.NumBrokers(o.Nodes),
		kfake.GroupMinSessionTimeout(minSession),
		kfake.GroupMaxSessionTimeout(maxSession),
	}
	stored, err := e.storage(o)
	if err != nil {
		return nil, err
	}
	opts = append(opts, stored...)
	listen, err := listenIdle(o.Props)
	if err != nil {
		return nil, err
	}
	opts = append(opts, kfake.ListenFn(e.behindDoors(listen)))
	if o.Blackhole {
		opts = append(opts, kfake.BlackholeProduce())
	}
	if id != nil {
		pair, err := tls.X509KeyPair(id.cert, id.key)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		opts = append(opts, kfake.TLS(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}))
	}
	if s := access.SASL; s != nil {
		opts = append(opts, kfake.EnableSASL(), kfake.Superuser(s.Mechanism, s.User, s.Password))
	}
	if o.Log != nil {
		opts = append(opts, kfake.WithLogger(kfake.BasicLogger(o.Log, kfake.LogLevelError)))
	}
	if e.cluster, err = kfake.NewCluster(opts...); err != nil {
		return nil, err
	}
	access.Seeds = e.cluster.ListenAddrs()
	e.is = ready{
		Access: access,
		Info: results.Broker{
			Kind:    Embedded,
			Title:   embeddedTitle(o),
			Version: EmbeddedVersion(),
			Nodes:   o.Nodes,
			TLS:     access.TLS != nil,
			SASL:    o.Security.SASL,
		},
		PIDs: slices.Repeat([]int{os.Getpid()}, o.Nodes),
	}
	if e.admin, err = newAdmin(access); err != nil {
		return nil, err
	}
	e.coordinator = &coordinator{
		shortest: millis(o.Props, "group.min.session.timeout.ms", minSession),
		longest:  millis(o.Props, "group.max.session.timeout.ms", maxSession),
		group:    adminOps{e.admin}, groups: map[string]*rounds{}, unheard: e.injections.refuses,
	}
	e.coordinator.watch(e.cluster)
	answerUncommitted(e.cluster, &e.injections)
	e.epochs.answer(e.cluster, &e.injections)
	if err := e.configure(ctx, o.Props); err != nil {
		return nil, err
	}
	return e, nil
}

// storage is where records are kept. On a disk the simulation writes down all that its
// groups do as well, and now and then begins that file anew, while nobody is answered:
// it is deleted soon enough.
func (e *embedded) storage(o Options) (opts []kfake.Opt, err error) {
	props := map[string]string{"log.segment.bytes": strconv.Itoa(segmentBytes)}
	if o.OnDisk {
		below, _ := Disk()
		if e.dir, err = scratch.New(below, Embedded); err != nil {
			return nil, fmt.Errorf("directory for the data of the broker: %w", err)
		}
		props = map[string]string{"log.segment.bytes": strconv.Itoa(diskSegmentBytes), "state.log.compact.bytes": strconv.Itoa(math.MaxInt)}
		opts = append(opts, kfake.DataDir(filepath.Join(e.dir.Path, "data")))
	}
	return append(opts, kfake.BrokerConfigs(props)), nil
}

// embeddedTitle says what it is, and where its records are unless in memory.
func embeddedTitle(o Options) string {
	title := "embedded (simulated broker), " + nodeCount(o.Nodes)
	if o.OnDisk {
		title += ", records on disk"
	}
	return title + propsTitle(o)
}

// millis is a property that is a time, or what stands for it where it is not given.
func millis(props map[string]string, name string, otherwise time.Duration) time.Duration {
	n, err := strconv.Atoi(props[name])
	if err != nil {
		return otherwise // what is no number is refused where it is set
	}
	return time.Duration(n) * time.Millisecond
}

// configure sets properties through the admin API. The simulation takes any name
// and ignores those that mean nothing to it, so the names are checked first against
// those that it has values for.
func (e *embedded) configure(ctx context.Context, props map[string]string) error {
	props = maps.Clone(props)
	delete(props, maxIdle) // its listeners have it
	if len(props) == 0 {
		return nil
	}
	a := e.admin
	known, err := e.properties(ctx, a)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(props)) {
		if !known[name] {
			return fmt.Errorf("the simulated broker has no property %s: use --broker kafka, or one of %s",
				name, strings.Join(append([]string{maxIdle}, slices.Sorted(maps.Keys(known))...), ", "))
		}
		value := props[name]
		rs, err := a.AlterBrokerConfigs(ctx, []kadm.AlterConfig{{Name: name, Value: &value}})
		if err == nil && len(rs) == 1 {
			err = rs[0].Err
		}
		if err != nil {
			return fmt.Errorf("property %s=%s: %w", name, value, err)
		}
	}
	return nil
}

// properties returns the names of the properties that can be changed.
func (e *embedded) properties(ctx context.Context, a *admin) (map[string]bool, error) {
	ids, err := a.brokers(ctx)
	if err != nil {
		return nil, err
	}
	resources, err := a.DescribeBrokerConfigs(ctx, ids[0])
	if err != nil {
		return nil, fmt.Errorf("list properties: %w", err)
	}
	known := map[string]bool{}
	for _, r := range resources {
		for _, c := range r.Configs {
			if c.Source != kmsg.ConfigSourceStaticBrokerConfig {
				known[c.Key] = true
			}
		}
	}
	return known, nil
}

func (e *embedded) ready() ready       { return e.is }
func (e *embedded) died() <-chan error { return nil } // it lives and dies with this process

func (e *embedded) stop() error {
	if e.coordinator != nil {
		e.coordinator.close()
		e.admin.close()
	}
	e.injections.endAll()
	if e.cluster != nil {
		e.cluster.Close()
	}
	return removeData(e.dir)
}

// nodeCount is "1 node" or "3 nodes".
func nodeCount(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

// EmbeddedVersion is the version of the simulation that this binary was built
// with, or empty where the build does not say.
func EmbeddedVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/twmb/franz-go/pkg/kfake" {
			return m.Version
		}
	}
	return ""
}
