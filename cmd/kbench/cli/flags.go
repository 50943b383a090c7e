package cli

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/catalog"
	"github.com/kbench/kbench/workloads/plan"
)

// brokerFlags say which cluster.
type brokerFlags struct {
	kind    string
	nodes   int
	version string
	heap    string
	brokers []string
	config  string
}

func (b *brokerFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&b.kind, "broker", "embedded", "the broker under test: embedded (simulated, needs nothing), or kafka (Apache Kafka, needs a JDK, and Maven or KAFKA_HOME)")
	f.IntVar(&b.nodes, "nodes", 3, "nodes of the cluster that is started")
	f.StringVar(&b.version, "kafka-version", "", "version of Apache Kafka (default "+cluster.DefaultVersion+")")
	f.StringVar(&b.heap, "kafka-heap", "", "heap of each Apache Kafka node (default 256m)")
	b.addAttached(cmd)
}

func (b *brokerFlags) addAttached(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&b.brokers, "brokers", nil, "use an existing cluster: host:port, ...; topics and groups called kbench-... are made there and removed")
	f.StringVar(&b.config, "brokers-config", "", "file with tls and sasl of the existing cluster (user and password also from KBENCH_SASL_USER, KBENCH_SASL_PASSWORD)")
}

func (b *brokerFlags) options(cmd *cobra.Command) (cluster.Options, error) {
	o := cluster.Options{Kind: b.kind, Nodes: b.nodes, Version: b.version, Heap: b.heap, Brokers: b.brokers, ConfigFile: b.config}
	if len(b.brokers) > 0 {
		for _, name := range []string{"broker", "nodes", "kafka-version", "kafka-heap"} {
			if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
				return o, usagef("--brokers uses an existing cluster, --%s starts a new one; give one of them", name)
			}
		}
		for _, addr := range b.brokers {
			if host, port, ok := strings.Cut(addr, ":"); !ok || host == "" || port == "" {
				return o, usagef("--brokers %s: an address is host:port", addr)
			}
		}
		o.Kind = "attached"
		return o, nil
	}
	if b.config != "" {
		return o, usagef("--brokers-config goes with --brokers")
	}
	switch b.kind {
	case "embedded", "kafka":
	default:
		return o, usagef("--broker %s: a broker is embedded or kafka; for an existing cluster use --brokers host:port", b.kind)
	}
	if b.kind == "embedded" && (b.version != "" || b.heap != "") {
		return o, usagef("--kafka-version and --kafka-heap go with --broker kafka")
	}
	if b.nodes < 1 {
		return o, usagef("--nodes %d: a cluster has at least 1 node", b.nodes)
	}
	return o, nil
}

// selection says which trials; run and plan share it.
type selection struct {
	clients []string
	lanes   []string
	rounds  int
	seed    uint64
	sets    []string
}

func (s *selection) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&s.clients, "client", nil, "clients to run, in any order (default franz-go,sarama,kafka-go)")
	f.StringSliceVar(&s.lanes, "lane", []string{"matched"}, "how settings are chosen: matched (equal on the wire), best (each client's safe best), stock (its defaults)")
	f.IntVar(&s.rounds, "rounds", 0, "rounds: each runs every arm once, in random order (default: as the workload says)")
	f.Uint64Var(&s.seed, "seed", 0, "seed of order, keys, payloads and schedules (default: random, and printed)")
	f.StringArrayVar(&s.sets, "set", nil, "override a field of the workload, path=value; may be repeated")
}

// selected is what a selection comes to.
type selected struct {
	specs  []workloads.Spec
	suite  string
	trials []plan.Trial
	seed   uint64
}

// load reads the workloads and expands them into trials.
func (s *selection) load(a *app, names []string) (*selected, error) {
	opt := workloads.Options{Set: s.sets, CheckGate: gate.Check, CheckNeed: conduct.CheckNeed,
		Warn: func(w string) { fmt.Fprintln(a.errOut, "warning:", w) }}
	out := &selected{seed: s.seed}
	var wrong []string
	for _, name := range names {
		specs, suite, err := catalog.Load(name, opt)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		out.specs = append(out.specs, specs...)
		if suite != "" {
			out.suite = suite
		}
	}
	clients := s.clients
	if len(clients) == 0 {
		clients = a.defaultClients()
	}
	for _, c := range clients {
		if !slices.Contains(a.clientNames(), c) {
			wrong = append(wrong, fmt.Sprintf("--client %s: no such client; there are %s", c, strings.Join(a.clientNames(), ", ")))
		}
	}
	for _, l := range s.lanes {
		switch drivers.Mode(l) {
		case drivers.Matched, drivers.Best, drivers.Stock:
		default:
			wrong = append(wrong, fmt.Sprintf("--lane %s: a lane is matched, best or stock", l))
		}
	}
	if s.rounds < 0 {
		wrong = append(wrong, fmt.Sprintf("--rounds %d: at least 1", s.rounds))
	}
	if len(wrong) > 0 {
		return nil, usagef("%s", strings.Join(wrong, "\n"))
	}
	if out.seed == 0 {
		out.seed = rand.Uint64() >> 1
	}
	trials, err := plan.Expand(out.specs, clients, s.lanes, s.rounds, out.seed)
	if err != nil {
		return nil, usage(err)
	}
	out.trials = trials
	return out, nil
}

func (a *app) clientNames() []string {
	var names []string
	for _, d := range a.table {
		names = append(names, d.Name())
	}
	return names
}

// defaultClients are all that talk to a broker.
func (a *app) defaultClients() []string {
	var names []string
	for _, d := range a.table {
		if b, ok := d.(drivers.Brokerless); ok && b.Brokerless() {
			continue
		}
		names = append(names, d.Name())
	}
	return names
}

func (a *app) driver(name string) drivers.Driver {
	for _, d := range a.table {
		if d.Name() == name {
			return d
		}
	}
	return nil
}
