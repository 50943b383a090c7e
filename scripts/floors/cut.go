package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/floors"
	"github.com/kbench/kbench/results/record"
)

// cut writes a copy of a run that has only what the floors are read from: of the
// members their group requests and responses, of trial.json the acts, the phases
// and who the members were. What tells where it was made is left out as well.
// The copy is refused if it does not give the same floors.
func cut(path, to string, whole []*floors.Report) error {
	dir, err := results.Open(path)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "kbench-cut-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := cutRun(dir, tmp); err != nil {
		return err
	}
	reduced, err := floors.ReadRun(tmp)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(whole, reduced) {
		return errors.New("the reduced run does not give the same floors")
	}
	return pack(os.DirFS(tmp), to)
}

func cutRun(from *results.Dir, path string) error {
	run := *from.Run()
	m := run.Machine
	run.Machine = results.Machine{OS: m.OS, Arch: m.Arch, Cores: m.Cores}
	run.Command, run.Harness = nil, nil
	to, err := results.Create(path, &run)
	if err != nil {
		return err
	}
	trials, err := from.Trials()
	if err != nil {
		return err
	}
	for _, t := range trials {
		reduced := &results.Trial{
			Ref: t.Ref, Spec: t.Spec, Kind: t.Kind, State: t.State, Topic: t.Topic, Group: t.Group, RunTag: t.RunTag,
			Phases: t.Phases, Coordinator: t.Coordinator, ClockEvery: t.ClockEvery, Acts: t.Acts,
		}
		for _, w := range t.Workers {
			if w.Role == results.RoleConsumer {
				reduced.Workers = append(reduced.Workers, results.Worker{Name: w.Name, Role: w.Role, Client: w.Client, Exit: w.Exit})
			}
		}
		if _, err := to.CreateTrial(reduced); err != nil {
			return err
		}
		whole, err := evidence.Load(from, t)
		if err != nil {
			return err
		}
		for _, w := range whole.Workers {
			if w.Role != results.RoleConsumer {
				continue
			}
			if err := cutWorker(w, to.WorkerPath(t.Ref, w.Name), reduced); err != nil {
				return err
			}
		}
		if err := whole.Close(); err != nil {
			return err
		}
	}
	return nil
}

// cutWorker copies the group requests and responses of a member. Its deliveries
// stay empty, so that the windows of its acts close on the wire alone.
func cutWorker(w evidence.Worker, to string, t *results.Trial) error {
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	d, err := record.CreateDeliveries(filepath.Join(to, results.DeliveryFile), record.DeliveriesMeta{Run: t.RunTag, Worker: w.Name, Topics: []string{t.Topic}})
	if err != nil {
		return err
	}
	if err := d.Close(); err != nil {
		return err
	}
	events, err := record.CreateEvents(filepath.Join(to, results.EventsFile))
	if err != nil {
		return err
	}
	for _, e := range w.Group {
		if e.K == record.EvRequest || e.K == record.EvResponse {
			e.Node, e.Bytes, e.Offsets = "", 0, nil
			events.Write(e)
		}
	}
	return errors.Join(events.Err(), events.Close())
}
