package evidence

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// over makes a trial of a producer and a member, a hundred records, and the list of
// its files.
func over(t *testing.T) (*results.Dir, *results.Trial) {
	t.Helper()
	d, err := results.Create(filepath.Join(t.TempDir(), "r"), &results.Run{})
	if err != nil {
		t.Fatal(err)
	}
	trial := &results.Trial{
		Ref: results.TrialRef{N: 1, Arm: "a", Round: 1}, Kind: workloads.EndToEnd, RunTag: 3, Topic: "t",
		Workers: []results.Worker{{Name: "producer-0", Role: results.RoleProducer}, {Name: "consumer-0", Role: results.RoleConsumer}},
	}
	path, err := d.CreateTrial(trial)
	if err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]record.Kind{"producer-0": record.Acked, "consumer-0": record.Delivered} {
		f, err := record.CreateDeliveries(mkdir(t, filepath.Join(path, name)), record.DeliveriesMeta{Run: 3, Worker: name, Topics: []string{"t"}})
		if err != nil {
			t.Fatal(err)
		}
		lane := f.Lane(kind, 0, 0, 1)
		for i := range int64(100) {
			lane.Add(0, uint64(i), i, i, i)
		}
		events, eerr := record.CreateEvents(filepath.Join(path, name, results.EventsFile))
		if err := errors.Join(f.Close(), eerr); err != nil {
			t.Fatal(err)
		}
		if kind == record.Acked {
			events.Write(record.Event{T: 100, K: record.EvTally, Tally: &record.Tally{Due: 100, Sent: 100, Acked: 100}})
		}
		if err := errors.Join(events.Err(), events.Close(), os.WriteFile(filepath.Join(path, name, results.ClientLogFile), []byte("a"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if trial.Files, err = d.Files(trial.Ref); err != nil {
		t.Fatal(err)
	}
	return d, trial
}

func TestDamageIsNamed(t *testing.T) {
	const slot, count = 4096, 24 // of the first span in its file, and its count there
	set := func(at int64, b ...byte) func(string) error {
		return func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt(b, at)
			return errors.Join(err, f.Close())
		}
	}
	f := func(listed bool, damage func(path string) error, file, want string, offset int64) {
		t.Helper()
		d, trial := over(t)
		if !listed {
			trial.Files = nil // as in old run directories
		}
		if err := damage(filepath.Join(d.TrialPath(trial.Ref), file)); err != nil {
			t.Fatal(err)
		}
		e, err := Load(d, trial)
		var wrong Damaged
		if !errors.As(err, &wrong) || len(wrong) != 1 || wrong[0].File != file || wrong[0].Offset != offset || !strings.Contains(wrong[0].Why, want) {
			t.Errorf("%s: got %v, want it to say %q at %d", file, err, want, offset)
		}
		if err == nil {
			e.Close()
		}
	}
	deliveries, events := "consumer-0/deliveries.bin", "producer-0/events.jsonl"
	f(true, os.Remove, deliveries, "missing", -1)
	f(true, func(path string) error { return os.Truncate(path, 4096) }, deliveries, "cut off", 4096)
	f(true, set(slot+count, 101), deliveries, "not what was written", -1)
	f(true, set(3, 'x'), events, "not what was written", -1)
	f(false, set(slot+count+7, 0x40), deliveries, "a span of", slot) // 2^62 records
	f(false, set(slot+count+2, 1), deliveries, "who handed over 100", slot)
	f(false, set(slot, 77), deliveries, "no kind 77", slot)
	f(false, set(slot+2, 9), deliveries, "no topic 9", slot)
	f(false, set(slot+7, 0xf0), deliveries, "no partition", slot)
	f(false, set(slot+56+7, 0x7f), deliveries, "a time of", slot)
	f(false, set(12, 0xff, 0xff), deliveries, "header", -1)
	f(false, set(3, '\n'), events, "line 1", -1)

	// What lies there now and is not on the list was not there when the trial ended.
	d, trial := over(t)
	if err := os.WriteFile(filepath.Join(d.TrialPath(trial.Ref), "consumer-0", results.LatencyFile), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	// A file that figures do not need is named beside them.
	if err := os.Remove(filepath.Join(d.TrialPath(trial.Ref), "consumer-0", results.ClientLogFile)); err != nil {
		t.Fatal(err)
	}
	e, err := Load(d, trial)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if r := e.Audit(); e.Unread() != nil || r.Sent != 100 || r.Delivered != 100 || len(e.Beside) != 1 || e.Beside[0].File != "consumer-0/log.txt" {
		t.Errorf("%v, %+v, %v", e.Unread(), r, e.Beside)
	}
}
