// Package arm is one thing that is compared: what it is asked, what the plan of its
// driver answers, and whether the wire agrees.
//
//	Settings   a workload as a driver is asked it
//	Plan       what its driver makes of that, and why an arm is refused
//	Wire       what a tap saw of the settings that the wire carries
//	Check      the plan's claims held against that: here it is said what a lie is
//
// It starts nothing and decides nothing about a trial; package conduct does, and
// the suite that every driver must pass (drivertest) asks the same of each.
package arm

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// Settings translates a workload into what a driver is given. Names of topic
// and group are added when a trial makes them.
func Settings(s *workloads.Spec, mode drivers.Mode) drivers.Settings {
	key := 0
	if s.Records.Keys.Kind != "none" {
		key = s.Records.Keys.Size
	}
	set := drivers.Settings{
		Mode:        mode,
		RecordBytes: int(s.Records.Size.Mean()) + key,
		RecordMax:   s.Records.Size.Largest() + key,
		KeyBytes:    key,
	}
	set.Fill(s.Value)
	return set
}

// Need resolves a name in a workload's needs, such as "acks" or
// "group.session", to the key of a setting.
func Need(name string) (string, error) {
	for _, k := range drivers.Keys() {
		if k == name {
			return k, nil
		}
	}
	var found []string
	for _, k := range drivers.Keys() {
		if strings.HasSuffix(k, "."+name) {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("no setting is called %q; settings are %s", name, strings.Join(drivers.Keys(), ", "))
	default:
		return "", fmt.Errorf("%q may mean %s; write one of them", name, strings.Join(found, " or "))
	}
}

// CheckNeed reports whether Need knows the name.
func CheckNeed(name string) error {
	_, err := Need(name)
	return err
}

// essential are the settings without which a trial would be run as something
// else than its workload says, whether it lists them as needed or not.
var essential = []string{
	drivers.KeyAcks, drivers.KeyIdempotent, drivers.KeyCodec, drivers.KeyPartition, drivers.KeyIsolation,
	drivers.KeyCommitMode, drivers.KeyLanes, drivers.KeyProtocol, drivers.KeyAssignors, drivers.KeyStatic,
}

// Plan asks the drivers what the settings of a workload become for one arm.
// refused is why this client cannot do it, empty if it can. The topics of a trial
// are known once it has been made; a client may count the letters of their names.
// Without a driver it is refused too.
func Plan(s *workloads.Spec, mode drivers.Mode, d, reference drivers.Driver, topics ...string) (lines []results.PlanLine, refused string) {
	if d == nil {
		return nil, "this kbench has no driver for the client"
	}
	armProduces := s.Produce.By == "arm" && s.Consume.Backlog == 0
	armConsumes := s.Consume.Members > 0
	var needed []string
	for _, n := range s.Needs {
		if key, err := Need(n); err == nil {
			needed = append(needed, key)
		}
	}
	// A driver without a broker is there for the harness's own cost: it has no
	// wire on which its settings could differ, and nobody compares it.
	brokerless := drivers.IsBrokerless(d)
	var why []string
	role := results.RoleConsumer
	if !armConsumes {
		role = results.RoleProducer
	}
	set := Settings(s, mode)
	set.Topics = topics
	for _, p := range d.Plan(set) {
		r := role
		switch drivers.RoleOf(p.Key) {
		case drivers.Producing:
			if !armProduces {
				continue
			}
			r = results.RoleProducer
		case drivers.Consuming:
			if !armConsumes {
				continue
			}
			r = results.RoleConsumer
		}
		lines = append(lines, Line(r, d.Name(), p))
		if !brokerless && p.Fidelity == drivers.Unsupported && (slices.Contains(needed, p.Key) || slices.Contains(essential, p.Key)) {
			why = append(why, fmt.Sprintf("%s: %s: %s", p.Key, p.Want, p.Why))
		}
	}
	if !armProduces && reference != nil {
		for _, p := range reference.Plan(Settings(s, drivers.Matched)) {
			if drivers.RoleOf(p.Key) == drivers.Producing {
				lines = append(lines, Line(results.RoleReference, reference.Name(), p))
			}
		}
	}
	if brokerless {
		why = refusedAlone(s)
	} else {
		why = append(why, refusedMembers(s, mode, d)...)
		why = append(why, refusedActs(s, mode, d)...)
	}
	return lines, strings.Join(why, "; ")
}

// Line is what a driver's plan says of a setting, for the workers of a role.
func Line(role results.Role, client string, p drivers.Setting) results.PlanLine {
	return results.PlanLine{
		Role: role, Client: client, Key: p.Key, Want: p.Want, Own: p.Own, Native: p.Native, Claim: p.Claim, Fidelity: string(p.Fidelity), Why: p.Why,
	}
}

// refusedAlone is why one process without a broker cannot do a workload. The short
// trials of the harness itself need not ask: theirs is the part of one producer.
func refusedAlone(s *workloads.Spec) (why []string) {
	if len(s.Churn) > 0 {
		why = append(why, "churn: without a broker there is no group that members could join or leave")
	}
	if s.Consume.Backlog > 0 {
		why = append(why, "consume.backlog: without a broker nothing keeps the records until somebody reads them")
	}
	if n := s.Produce.Producers; n > 1 {
		why = append(why, fmt.Sprintf("produce.producers: %d: without a broker one process is producer and members at once", n))
	}
	return why
}

// refusedMembers is why the client cannot be a member that the timeline wants:
// one with settings of its own, or with the assignors that the group rolls to.
func refusedMembers(s *workloads.Spec, mode drivers.Mode, d drivers.Driver) (why []string) {
	for i := range s.Churn {
		member := *s
		for _, path := range slices.Sorted(maps.Keys(s.Churn[i].With)) {
			if err := member.Apply(path, s.Churn[i].With[path]); err != nil {
				why = append(why, fmt.Sprintf("churn[%d].with: %s: %v", i, path, err))
			}
		}
		if to := s.Churn[i].To; len(to) > 0 {
			member.Group.Assignors = to
		}
		for _, p := range d.Plan(Settings(&member, mode)) {
			own := !reflect.DeepEqual(member, *s)
			if own && p.Fidelity == drivers.Unsupported && slices.Contains(essential, p.Key) {
				why = append(why, fmt.Sprintf("churn[%d]: %s: %s: %s", i, p.Key, p.Want, p.Why))
			}
		}
	}
	return why
}

// refusedActs is why the client cannot take part in an act of the timeline.
func refusedActs(s *workloads.Spec, mode drivers.Mode, d drivers.Driver) (why []string) {
	needs := map[string]acts.Act{}
	for _, a := range s.Acts() {
		if a.Needs != "" {
			needs[a.Needs] = a
		}
	}
	if len(needs) == 0 {
		return nil
	}
	for _, p := range d.Plan(Settings(s, mode)) {
		a, needed := needs[p.Key]
		switch {
		case needed && p.Fidelity == drivers.Unsupported:
			why = append(why, fmt.Sprintf("churn: %s: %s", a.Kind, p.Why))
		case needed && a.Refresh && mode == drivers.Stock:
			// The group would not have all partitions within any time that the
			// workload knows of.
			why = append(why, fmt.Sprintf("churn: %s: %s decides when new partitions are found, and %s (%s)", a.Kind, p.Key, p.Why, p.Native))
		}
	}
	return why
}
