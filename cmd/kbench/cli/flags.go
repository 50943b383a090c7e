package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/catalog"
	"github.com/kbench/kbench/workloads/plan"
)

// brokerFlags say which cluster.
type brokerFlags struct{ cluster.Options }

func (b *brokerFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&b.Kind, "broker", cluster.Embedded, "`kind` of broker to start: embedded (simulated, needs nothing) or\nkafka (Apache Kafka; needs a JDK, and Maven or KAFKA_HOME)")
	f.IntVar(&b.Nodes, "nodes", cluster.DefaultNodes, "start `n` nodes")
	f.StringVar(&b.Version, "kafka-version", "", "`version` of Apache Kafka (default "+cluster.DefaultVersion+")")
	f.StringVar(&b.Heap, "kafka-heap", "", "heap `size` of each Apache Kafka node (default "+cluster.DefaultHeap+")")
}

func (b *brokerFlags) addAttached(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringSliceVar(&b.Brokers, "brokers", nil, "`addresses` of an existing cluster to use instead, host:port with commas;\nonly topics and groups called kbench-... are made there, and removed")
	f.StringVar(&b.ConfigFile, "brokers-config", "", "`file` with TLS and SASL of the existing cluster; the environment wins:\nKBENCH_SASL_MECHANISM, KBENCH_SASL_USER, KBENCH_SASL_PASSWORD")
}

// options is the cluster that the flags ask for. What can be known to be wrong
// with it is said here, before anything starts.
func (b *brokerFlags) options(cmd *cobra.Command) (cluster.Options, error) {
	if len(b.Brokers) > 0 {
		return b.attached(cmd)
	}
	o := b.Options
	if o.ConfigFile != "" {
		return o, errors.New("--brokers-config goes with --brokers host:port")
	}
	switch o.Kind {
	case cluster.Embedded:
		if o.Version != "" || o.Heap != "" {
			return o, errors.New("--kafka-version and --kafka-heap go with --broker kafka")
		}
	case cluster.Kafka:
	default:
		return o, fmt.Errorf("--broker %s: a broker is embedded or kafka; for an existing cluster use --brokers host:port", o.Kind)
	}
	if o.Nodes < 1 {
		return o, fmt.Errorf("--nodes %d: a cluster has at least 1 node", o.Nodes)
	}
	if o.Version != "" && !versionShape.MatchString(o.Version) {
		return o, fmt.Errorf("--kafka-version %s: write three numbers, such as %s", o.Version, cluster.DefaultVersion)
	}
	if o.Heap != "" && !heapShape.MatchString(o.Heap) {
		return o, fmt.Errorf("--kafka-heap %s: write a number with m or g, such as %s", o.Heap, cluster.DefaultHeap)
	}
	if err := o.Check(); err != nil {
		return o, fmt.Errorf("--broker %s: %w", o.Kind, err)
	}
	return o, nil
}

var (
	versionShape = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)
	heapShape    = regexp.MustCompile(`^[0-9]+[mMgG]$`)
)

// attached is an existing cluster.
func (b *brokerFlags) attached(cmd *cobra.Command) (cluster.Options, error) {
	o := cluster.Options{Kind: cluster.Attached, Brokers: b.Brokers, ConfigFile: b.ConfigFile}
	for _, name := range []string{"broker", "nodes", "kafka-version", "kafka-heap"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			return o, fmt.Errorf("--brokers uses an existing cluster, --%s starts a new one; give one of them", name)
		}
	}
	for _, addr := range b.Brokers {
		host, port, err := net.SplitHostPort(addr)
		if n, perr := strconv.Atoi(port); err != nil || perr != nil || host == "" || n < 1 || n > 65535 {
			return o, fmt.Errorf("--brokers %s: an address is host:port", addr)
		}
	}
	if _, err := cluster.AttachedAccess(b.Brokers, b.ConfigFile, os.Getenv); err != nil {
		return o, fmt.Errorf("--brokers: %w", err)
	}
	return o, o.Check()
}

// selection says which trials; run and plan share it.
type selection struct {
	clients []string
	lanes   []string
	rounds  int
	seed    uint64
	sets    []string
	full    bool
}

func (s *selection) add(a *app, cmd *cobra.Command) {
	cmd.Args = arguments(1, -1, `a workload: a name that "kbench list" prints, or a file`)
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return catalog.Names(), cobra.ShellCompDirectiveDefault
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringSliceVar(&s.clients, "client", nil, "`names` of the clients to run, with commas (default: all of\n\"kbench list clients\" that use a broker)")
	f.StringSliceVar(&s.lanes, "lane", []string{string(drivers.Matched)}, "`lanes`, with commas, are how settings are chosen: matched (equal on the\nwire), best (each client's safe and fast producer), stock (its\ndefaults)")
	f.IntVar(&s.rounds, "rounds", 0, "run `n` rounds, each of them every arm once, in random order\n(default: as the workload says)")
	f.Uint64Var(&s.seed, "seed", 0, "`n` seeds order, keys, payloads and schedules (default: random, and\nprinted)")
	f.StringArrayVar(&s.sets, "set", nil, "override a field of every workload, `path=value`; may be repeated. A\nfield that a workload varies between its arms is fixed thereby")
	f.BoolVar(&s.full, "full", false, "run the full matrix of each workload in place of its own; most churn\nworkloads have all assignors, and the group protocol of KIP-848, in it")
	for name, words := range map[string][]string{
		"client": a.clientNames(),
		"lane":   {string(drivers.Matched), string(drivers.Best), string(drivers.Stock)},
	} {
		// It fails only for a flag that does not exist.
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
}

// selected is what a selection comes to.
type selected struct {
	specs  []workloads.Spec
	suite  string
	trials []plan.Trial
	seed   uint64
}

// load reads the workloads and expands them into trials. Its error is the
// user's to mend, and has everything that is wrong.
func (s *selection) load(a *app, cmd *cobra.Command, names []string) (*selected, error) {
	opt := workloads.Options{Set: s.sets, Full: s.full, CheckGate: gate.Check, CheckNeed: arm.CheckNeed,
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
	if cmd.Flags().Changed("rounds") && s.rounds < 1 {
		wrong = append(wrong, fmt.Sprintf("--rounds %d: at least 1", s.rounds))
	}
	if len(wrong) > 0 {
		return nil, errors.New(strings.Join(wrong, "\n"))
	}
	if !cmd.Flags().Changed("seed") {
		out.seed = rand.Uint64() >> 1
	}
	trials, err := plan.Expand(out.specs, clients, s.lanes, s.rounds, out.seed)
	if err != nil {
		return nil, err
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
	return slices.DeleteFunc(a.clientNames(), a.brokerless)
}

func (a *app) brokerless(client string) bool {
	return drivers.IsBrokerless(drivers.Find(a.table, client))
}
