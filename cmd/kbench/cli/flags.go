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
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/catalog"
	"github.com/kbench/kbench/workloads/plan"
)

// brokerFlags say which cluster.
type brokerFlags struct {
	cluster.Options
	properties []string
}

func (b *brokerFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&b.Kind, "broker", cluster.Embedded, "`kind` of broker to start: embedded (simulated, needs nothing) or\nkafka (Apache Kafka; needs a JDK, and Maven or KAFKA_HOME)")
	f.IntVar(&b.Nodes, "nodes", cluster.DefaultNodes, "start `n` nodes")
	f.StringVar(&b.Version, "kafka-version", "", "`version` of Apache Kafka (default "+cluster.DefaultVersion+")")
	f.StringVar(&b.Heap, "kafka-heap", "", "heap `size` of each Apache Kafka node (default "+cluster.DefaultHeap+")")
	f.StringArrayVar(&b.properties, "property", nil, "set a `property` of the broker's nodes, name=value; may be repeated\n(connections.max.idle.ms=1000; of Apache Kafka any of server.properties)")
	completes(cmd, "broker", oneWord(cluster.Embedded, cluster.Kafka))
}

// properties are those of a broker, from name=value each; of one name the last.
func properties(given []string) (map[string]string, error) {
	var props map[string]string
	for _, p := range given {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--property %s: write name=value", p)
		}
		if props == nil {
			props = map[string]string{}
		}
		props[name] = value
	}
	return props, nil
}

func (b *brokerFlags) addAttached(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringSliceVar(&b.Brokers, "brokers", nil, "`addresses` of an existing cluster to use instead, host:port with commas;\nonly topics and groups called kbench-<run>-... are made there, and removed")
	f.StringVar(&b.ConfigFile, "brokers-config", "", "`file` with TLS and SASL of the existing cluster; the environment wins:\nKBENCH_SASL_MECHANISM, KBENCH_SASL_USER, KBENCH_SASL_PASSWORD")
}

// options is the cluster that the flags ask for. What can be known to be wrong
// with it is said here, before anything starts.
func (b *brokerFlags) options(cmd *cobra.Command) (cluster.Options, error) {
	if len(b.Brokers) > 0 {
		return b.attached(cmd)
	}
	o := b.Options
	var err error
	if o.Props, err = properties(b.properties); err != nil {
		return o, err
	}
	if f := cmd.Flags().Lookup("brokers"); f != nil && f.Changed {
		return o, errors.New("--brokers: there is no address in it; write host:port, or leave the flag out for a broker of its own")
	}
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
	o := cluster.Options{Kind: cluster.Attached, Brokers: cluster.Seeds(b.Brokers), ConfigFile: b.ConfigFile}
	for _, name := range []string{"broker", "nodes", "kafka-version", "kafka-heap", "property"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			return o, fmt.Errorf("--brokers uses an existing cluster, --%s starts a new one; give one of them", name)
		}
	}
	for _, addr := range o.Brokers {
		host, port, err := net.SplitHostPort(addr)
		if n, perr := strconv.Atoi(port); err != nil || perr != nil || host == "" || n < 1 || n > 65535 {
			return o, fmt.Errorf("--brokers %s: an address is host:port", addr)
		}
	}
	if _, err := cluster.AttachedAccess(o.Brokers, b.ConfigFile, os.Getenv); err != nil {
		return o, fmt.Errorf("--brokers: %w", err)
	}
	for _, path := range cluster.Exposed(b.ConfigFile) {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s holds a secret that other users of this machine may read: chmod 600 it\n", path)
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
	aa      bool
	open    bool // rounds follow: the first of them is planned, and rounds is the most

	profile       string
	profileRounds int
}

func (s *selection) add(a *app, cmd *cobra.Command) {
	cmd.Args = arguments(1, -1, `a workload: a name that "kbench list" prints, or a file`)
	cmd.ValidArgsFunction = workload
	s.addArms(a, cmd)
	f := cmd.Flags()
	f.BoolVar(&s.aa, "aa", false, "run the first client twice, under two names: what compare then finds\nbetween the two is what chance and the machine make of nothing")
	f.IntVar(&s.rounds, "rounds", 0, "run `n` rounds, each of them every arm once, in random order\n(default: as the workload says)")
	s.addFields(cmd)
	f.BoolVar(&s.full, "full", false, "run the full matrix of each workload in place of its own; most churn\nworkloads have all assignors, and the group protocol of KIP-848, in it")
	f.StringVar(&s.profile, "profile", "", "`kinds` of profiles, with commas, of every worker of the client: cpu (or\ncpu@250 for 250 samples a second), heap, allocs, goroutine, mutex,\nblock, trace, or flight: a trace of the seconds before a client is found\nstuck; taken in rounds of their own")
	f.IntVar(&s.profileRounds, "profile-rounds", 1, "with --profile, run `n` rounds more for the profiles; no timing is taken\nfrom them")
	completes(cmd, "profile", someWords(profiles.Names()...))
}

// addArms says of which clients, in which lanes.
func (s *selection) addArms(a *app, cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringSliceVar(&s.clients, "client", nil, "`names` of the clients to run, with commas (default: all of\n\"kbench list clients\" that use a broker); sarama@v1.60.1 is a client at\nanother version, sarama=../my-sarama one from a directory, and\nsarama=../my-sarama@main a commit of a clone")
	f.StringSliceVar(&s.lanes, "lane", []string{string(drivers.Matched)}, "`lanes`, with commas, are how settings are chosen: matched (equal on the\nwire), best (each client's safe and fast producer), stock (its\ndefaults)")
	completes(cmd, "client", someWords(a.clientNames()...))
	completes(cmd, "lane", someWords(string(drivers.Matched), string(drivers.Best), string(drivers.Stock)))
}

// addFields says by which seed, and which fields of workloads are otherwise.
func (s *selection) addFields(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Uint64Var(&s.seed, "seed", 0, "`n` seeds order, keys, payloads and schedules (default: random, and\nprinted)")
	f.StringArrayVar(&s.sets, "set", nil, "override a field of every workload, `path=value`; may be repeated. A\nfield that a workload varies between its arms is fixed thereby")
	completes(cmd, "set", setting)
}

// selected is what a selection comes to.
type selected struct {
	specs  []workloads.Spec
	suite  string
	trials []plan.Trial
	seed   uint64

	profiles []profiles.Kind
	hz       int // of the CPU profile
}

// load reads the workloads and expands them into trials. Its error is the
// user's to mend, and has everything that is wrong.
func (s *selection) load(a *app, cmd *cobra.Command, names []string) (*selected, error) {
	opt := workloads.Options{Set: s.sets, Full: s.full, CheckGate: gate.Check, CheckFigure: compare.Check, CheckNeed: arm.CheckNeed,
		Warn: func(w string) { a.complain("warning: " + w) }}
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
	wants, errs := a.versions(clients)
	wrong = append(wrong, errs...)
	for _, l := range s.lanes {
		switch drivers.Mode(l) {
		case drivers.Matched, drivers.Best, drivers.Stock:
		default:
			wrong = append(wrong, fmt.Sprintf("--lane %s: a lane is matched, best or stock", l))
		}
	}
	if cmd.Flags().Changed("rounds") {
		if w := workloads.CheckField("rounds", s.rounds); w != "" {
			wrong = append(wrong, fmt.Sprintf("--rounds %d: %s", s.rounds, w))
		}
	}
	rounds := plan.Rounds{Timed: s.rounds}
	if s.open {
		rounds.Timed = 1
	}
	if err := s.profiled(cmd, out, &rounds); err != nil {
		wrong = append(wrong, err.Error())
	}
	if len(wrong) > 0 {
		return nil, errors.New(strings.Join(wrong, "\n"))
	}
	if err := a.have(cmd.Context(), wants); err != nil {
		return nil, err
	}
	if !cmd.Flags().Changed("seed") {
		out.seed = rand.Uint64() >> 1
	}
	if s.aa {
		clients = append(slices.Clone(clients), clients[0]+plan.TwinName)
	}
	trials, err := plan.Expand(out.specs, clients, s.lanes, rounds, out.seed)
	if err != nil {
		return nil, err
	}
	out.trials = trials
	return out, a.possible(out)
}

// profiled says which profiles are taken, and in how many rounds.
func (s *selection) profiled(cmd *cobra.Command, out *selected, rounds *plan.Rounds) (err error) {
	if out.profiles, out.hz, err = profiles.Parse(s.profile); err != nil {
		return fmt.Errorf("--profile: %w", err)
	}
	asked := cmd.Flags().Changed("profile-rounds")
	switch {
	case len(out.profiles) > 0 && s.profileRounds < 1:
		return fmt.Errorf("--profile-rounds %d: profiles are taken in at least 1 round of their own", s.profileRounds)
	case len(out.profiles) > 0:
		rounds.Profiled = s.profileRounds
	case asked:
		return errors.New("--profile-rounds goes with --profile, which says what to take in them")
	}
	return nil
}

// possible is an error where a gate can have no figure, whatever is measured.
func (a *app) possible(s *selected) error {
	planned := map[string][]gate.Planned{}
	for i := range s.trials {
		planned[s.trials[i].Workload] = append(planned[s.trials[i].Workload], a.plannedOf(&s.trials[i])...)
	}
	var wrong []string
	for _, spec := range s.specs {
		for _, expr := range spec.Gate {
			if err := gate.Possible(expr, planned[spec.Name]); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s: %v", spec.Name, err))
			}
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "\n"))
	}
	return nil
}

// plannedOf is the arm of a trial as gates see it; none where it cannot do the workload,
// or is of a further round.
func (a *app) plannedOf(t *plan.Trial) []gate.Planned {
	if _, refused := arm.Plan(&t.Spec, drivers.Mode(t.Arm.Lane), drivers.Find(a.table, t.Arm.Client), nil); refused != "" || t.Round > 1 {
		return nil
	}
	p := gate.Planned{Arm: t.Arm.Name, Client: t.Arm.Client, Lane: t.Arm.Lane, Spec: &t.Spec}
	for _, act := range t.Acts {
		switch {
		case !act.Counted:
		case act.Fault != "": // such acts are called by what they do alone
			p.Events = append(p.Events, act.Title())
		default:
			p.Events = append(p.Events, string(act.Kind), act.Of)
		}
	}
	slices.Sort(p.Events)
	p.Events = slices.Compact(p.Events)
	return []gate.Planned{p}
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
