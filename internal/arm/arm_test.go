package arm_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/workloads"
)

// A process without a broker that cannot do a workload refuses it, and says why:
// it does nothing else under the same name.
func TestRefusedWithoutBroker(t *testing.T) {
	sound := workloads.Default()
	sound.Consume.Members = 1
	producers, backlog, churn := sound, sound, sound
	f := func(word string, spec workloads.Spec) {
		t.Helper()
		for _, d := range []drivers.Driver{loopback.New(), franzgo.New()} {
			_, why := arm.Plan(&spec, drivers.Matched, d, nil)
			if refused := word != "" && d.Name() == "loopback"; refused != (why != "") || !strings.Contains(why, word) && refused {
				t.Errorf("%s: %q, want %q of loopback alone", d.Name(), why, word)
			}
		}
	}
	f("", sound)
	producers.Produce.Producers = 3
	f("produce.producers: 3: ", producers)
	backlog.Produce.By, backlog.Produce.Rate, backlog.Consume.Backlog = "reference", workloads.Rate{Max: true}, 1000
	f("consume.backlog: ", backlog)
	churn.Churn = []workloads.ChurnEntry{{Do: "leave", At: time.Second}}
	f("churn: ", churn)
}

// An arm without a driver is refused, and nobody is asked.
func TestRefusedWithoutDriver(t *testing.T) {
	spec := workloads.Default()
	if lines, why := arm.Plan(&spec, drivers.Matched, nil, franzgo.New()); len(lines) > 0 || !strings.Contains(why, "no driver") {
		t.Errorf("%d lines, %q", len(lines), why)
	}
}

// TestSettingsAreTheWorkloads: every field of a workload that is a setting of a client
// comes to its driver as it was written.
func TestSettingsAreTheWorkloads(t *testing.T) {
	s := workloads.Default()
	written := map[string]any{
		"produce.acks": "leader", "produce.linger": "7ms", "produce.batch.records": 9.0, "produce.codec": "zstd", "produce.level": 3.0,
		"produce.idempotent": true, "consume.commit.mode": "sync", "consume.fetch.max": 4096.0, "consume.handler.revoke": "free",
		"group.assignors": []string{"sticky", "range"}, "group.session": "11s", "group.static": true, "metadata.refresh": "3s",
	}
	for path, v := range written {
		if err := s.Apply(path, v); err != nil {
			t.Fatal(err)
		}
	}
	set := arm.Settings(&s, drivers.Best)
	fields := 0
	for _, key := range drivers.Keys() {
		v := s.Value(key)
		if v == nil {
			continue
		}
		fields++
		want := strings.ReplaceAll(strings.Trim(fmt.Sprint(v), "[]"), " ", ",")
		if got := set.Want(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if fields < 30 || set.Produce.Linger != 7*time.Millisecond || set.Consume.CommitMode != drivers.CommitSync || set.Mode != drivers.Best {
		t.Errorf("%d fields, %+v", fields, set)
	}
	if set.Group.Assignors[0] = "roundrobin"; s.Group.Assignors[0] != "sticky" {
		t.Error("a driver can change the workload")
	}
}

// TestSettingsTellTheLargestRecord keeps a client from refusing a record that is
// longer than the mean: its limits follow from the largest.
func TestSettingsTellTheLargestRecord(t *testing.T) {
	spec := workloads.Default()
	spec.Records.Size = workloads.Size{Uniform: [2]int{100, 900}}
	spec.Records.Keys = workloads.Keys{Kind: "round-robin", Count: 10, Size: 16}
	s := arm.Settings(&spec, drivers.Matched)
	if s.RecordBytes != 516 || s.RecordMax != 916 || !s.Varies() {
		t.Errorf("mean %d, largest %d, varies %t; want 516, 916, true", s.RecordBytes, s.RecordMax, s.Varies())
	}
	spec.Records.Size = workloads.Size{Fixed: 256}
	if s := arm.Settings(&spec, drivers.Matched); s.Varies() {
		t.Errorf("records of one length vary: mean %d, largest %d", s.RecordBytes, s.RecordMax)
	}
}
