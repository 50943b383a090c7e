package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Planned is an arm that is going to run a workload, as far as it decides what
// figures there can be.
type Planned struct {
	Arm, Client, Lane string
	Spec              *workloads.Spec
	Events            []string // kinds of the events that it will have
}

// Possible says why a gate of a workload can have no figure in any of the arms that
// are going to run it, or nil: such a gate would cost the run and decide nothing.
func Possible(expr string, arms []Planned) error {
	e, err := parse(expr)
	if err != nil {
		return err
	}
	for i := range arms {
		why := e.impossible(&arms[i])
		if why == nil {
			return nil
		}
		err = why
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("gate %q can never be decided: %w", e.text, err)
}

func (e expression) impossible(a *Planned) error {
	for _, l := range []struct{ key, value string }{{"workload", a.Spec.Name}, {"arm", a.Arm}, {"client", a.Client}, {"lane", a.Lane}} {
		if want := e.Asks(l.key); want != "" && want != l.value {
			return fmt.Errorf("no %s of this run is called %s", l.key, want)
		}
	}
	if kind, _, _ := strings.Cut(e.Asks("event"), "#"); kind != "" && !a.has(kind) {
		return fmt.Errorf("%s has no event of the kind %s; it has %s", a.Spec.Name, kind, orNone(a.Events))
	}
	return e.lacks(a)
}

// has says whether there will be events of a kind. Where there are several lengths that is
// the last word of it, as in stall 5s.
func (a *Planned) has(kind string) bool {
	short := kind
	if i := strings.LastIndexByte(kind, ' '); i > 0 {
		short = kind[:i]
	}
	return slices.Contains(a.Events, kind) || slices.Contains(a.Events, short)
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// lacks says what a workload would have to have for a figure of the gate's metric.
func (e expression) lacks(a *Planned) error {
	group := a.Spec.Consume.Members > 0 && a.Spec.Consume.Backlog == 0
	switch name := e.Metric.Name; {
	case group && (name == results.PauseAvailability || name == results.AuditLate) && a.Spec.OfLinks(): // with events or without
	case ofEvents(name) && len(a.Events) == 0:
		return fmt.Errorf("%s is a figure of events, and %s has no churn", name, a.Spec.Name)
	case ofNodes(name) && !a.Spec.BrokerActs():
		return fmt.Errorf("%s is a figure of acts on nodes of the broker, and %s has none; write one such as churn: [{do: broker, fault: kill, node: coordinator, for: 5s, when: stable}]", name, a.Spec.Name)
	case strings.HasPrefix(name, "leak."):
		return e.lacksReadings(a)
	case ofGroup(name) && !group, strings.HasPrefix(name, "e2e.") && !group:
		return fmt.Errorf("%s is a figure of consumers that read what is being sent, and %s has none", name, a.Spec.Name)
	case strings.HasPrefix(name, "consume.") && a.Spec.Consume.Members == 0:
		return fmt.Errorf("%s is a figure of consumers, and %s has none", name, a.Spec.Name)
	case ofProducers(name):
		return e.lacksProducer(a.Spec)
	}
	return nil
}

// lacksReadings says why nothing is known of what members leak.
func (e expression) lacksReadings(a *Planned) error {
	switch {
	case !a.Spec.Leaks:
		return fmt.Errorf("%s takes readings of what the members hold, and %s has none; write leaks: true", e.Metric.Name, a.Spec.Name)
	case strings.HasPrefix(e.Asks("class"), results.LeakReopened) && !a.Spec.Reopens():
		return fmt.Errorf("%s has no act that opens the client of a member again; write churn: [{do: reopen, times: 100, when: stable}], or ask for class=%s", a.Spec.Name, results.LeakStayed)
	}
	return nil
}

func (e expression) lacksProducer(s *workloads.Spec) error {
	name, role := e.Metric.Name, results.Role(e.Asks("role"))
	switch {
	case s.Consume.Backlog > 0:
		return fmt.Errorf("%s is a figure of producing, and nothing is produced while %s is measured", name, s.Name)
	case s.Produce.By == "reference" && role != results.RoleReference:
		return errors.New("the reference producer sends here, the same for every client; ask for it with {role=reference}")
	case s.Produce.By != "reference" && role == results.RoleReference:
		return fmt.Errorf("%s has no reference producer; leave {role=reference} out", s.Name)
	case s.Produce.Rate.Max && (name == results.ProduceResponse || strings.HasPrefix(name, "schedule.")):
		return fmt.Errorf("%s counts from the instant a record is due, and at produce.rate: max none is; ask for %s", name, results.ProduceService)
	}
	return nil
}

func ofEvents(metric string) bool {
	switch metric {
	case results.GroupAmplification, results.GroupStorms, results.GroupRecovery, results.GroupRounds, results.GroupMovement, results.GroupExcessRevocation, results.AuditLate, results.RebalanceOutside, results.RebalanceOtherwise:
		return true
	}
	return strings.HasPrefix(metric, "pause.") || ofNodes(metric)
}

// ofNodes says whether a figure is of acts on nodes of the broker.
func ofNodes(metric string) bool {
	return metric == results.BrokerLeaders || metric == results.BrokerCoordinator || strings.HasPrefix(metric, "recover.")
}

func ofGroup(metric string) bool {
	switch metric {
	case results.AuditCommitRegression, results.AuditGhost, results.AuditOverlap, results.AuditStuck, results.AuditZombie, results.ObserverCPU:
		return true
	}
	return strings.HasPrefix(metric, "group.") || strings.HasPrefix(metric, "rebalance.")
}

// ofProducers says whether the figure has the role of who sends. Counts of sends
// that went wrong are the trial's.
func ofProducers(metric string) bool {
	switch metric {
	case results.ProduceThroughput, results.ProduceService, results.ProduceResponse, results.ProduceSendTime, results.ProduceNoRoom, results.ScheduleLag, results.ScheduleHeld:
		return true
	}
	return false
}
