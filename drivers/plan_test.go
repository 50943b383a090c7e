package drivers_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/drivers"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestPlans holds what every driver says of every setting, in every mode, to the
// files under testdata, and every key to one answer.
func TestPlans(t *testing.T) {
	for _, d := range adapters() {
		for _, mode := range []drivers.Mode{drivers.Matched, drivers.Best, drivers.Stock} {
			name := d.Name() + "-" + string(mode)
			t.Run(name, func(t *testing.T) {
				s := settings()
				s.Mode = mode
				s.Group.Static, s.InstanceID = d.Name() != "kafka-go", "member-1"
				plan := d.Plan(s)
				var keys []string
				for _, row := range plan {
					keys = append(keys, row.Key)
					if row.Fidelity != drivers.Exact && row.Why == "" {
						t.Errorf("%s is %s, but why is not said", row.Key, row.Fidelity)
					}
					if row.Fidelity != drivers.Unsupported && row.Native == "" {
						t.Errorf("%s is %s, but not what is set", row.Key, row.Fidelity)
					}
				}
				if diff := cmp.Diff(drivers.Keys(), keys); diff != "" {
					t.Errorf("keys answered (-want +got):\n%s", diff)
				}
				golden(t, name, render(plan))
				own(t, s.Mode, plan)
			})
		}
	}
}

func render(plan []drivers.Setting) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range plan {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Key, r.Fidelity, r.Want, r.Native, r.Claim, r.Why)
	}
	w.Flush()
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.Join(lines, "\n") + "\n"
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "plan-"+name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run with -update to write it", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the plan differs from %s (-want +got), run with -update if it is right:\n%s", path, diff)
	}
}

// TestWhatAClientLacksIsRefused gives settings that a client would answer with
// something else: no client may be started, and the error names the key.
func TestWhatAClientLacksIsRefused(t *testing.T) {
	all := []string{"franz-go", "sarama", "kafka-go"}
	for key, c := range map[string]struct {
		set    func(*drivers.Settings)
		by     []string
		member bool
	}{
		drivers.KeyAcks:       {set: func(s *drivers.Settings) { s.Produce.Acks = "some" }, by: all},
		drivers.KeyCodec:      {set: func(s *drivers.Settings) { s.Produce.Codec = "brotli" }, by: all},
		drivers.KeyIdempotent: {set: func(s *drivers.Settings) { s.Produce.Idempotent, s.Produce.Acks = true, drivers.AcksLeader }, by: all},
		drivers.KeyAssignors:  {set: func(s *drivers.Settings) { s.Group.Assignors = []string{"range", "fair"} }, by: all, member: true},
		drivers.KeyProtocol:   {set: func(s *drivers.Settings) { s.Group.Protocol = "consumer" }, by: all[1:], member: true},
		drivers.KeyStatic:     {set: func(s *drivers.Settings) { s.Group.Static = true }, by: all[2:], member: true},
	} {
		for _, d := range adapters() {
			refuses := false
			for _, name := range c.by {
				refuses = refuses || name == d.Name()
			}
			if !refuses {
				continue
			}
			t.Run(key+"/"+d.Name(), func(t *testing.T) {
				s := settings()
				c.set(&s)
				var err error
				if c.member {
					_, err = d.Consumer(s, drivers.Env{Seeds: []string{"127.0.0.1:1"}}, newHandler())
				} else {
					_, err = d.Producer(s, drivers.Env{Seeds: []string{"127.0.0.1:1"}}, func(*drivers.Msg, error) {})
				}
				if err == nil || !strings.Contains(err.Error(), key) {
					t.Errorf("the error is %v, which does not name %s", err, key)
				}
				for _, row := range d.Plan(s) {
					if row.Key == key && row.Fidelity != drivers.Unsupported {
						t.Errorf("the plan says %s", row.Fidelity)
					}
				}
			})
		}
	}
}

// own checks that a plan says of each setting whether the lane has another value in
// force than the workload asks for, and which: what stands above the figures goes
// by it.
func own(t *testing.T, mode drivers.Mode, plan []drivers.Setting) {
	t.Helper()
	of := map[string]string{}
	for _, row := range plan {
		if row.Own != "" {
			of[row.Key] = row.Own
		}
		if value, left := strings.CutPrefix(row.Native, "default: "); left && value != row.Own {
			t.Errorf("%s is left at %q, and it says %q", row.Key, value, row.Own)
		}
	}
	switch {
	case mode == drivers.Matched && len(of) > 0:
		t.Errorf("the lane matched has its own %v", of)
	case mode == drivers.Stock && (of[drivers.KeyAcks] == "" || of[drivers.KeyCodec] == "" || of[drivers.KeySession] == ""):
		t.Errorf("the lane stock says only %v", of)
	}
}

// In the lane best a client's safe producer is said in the words of a workload,
// where the workload asks for another.
func TestOwnOfBest(t *testing.T) {
	want := map[string]map[string]string{
		"franz-go": {drivers.KeyAcks: "all", drivers.KeyIdempotent: "true", drivers.KeyInFlight: "5"},
		"sarama":   {drivers.KeyAcks: "all", drivers.KeyIdempotent: "true"},
		"kafka-go": {drivers.KeyAcks: "all"},
	}
	for _, d := range adapters() {
		s := settings()
		s.Mode, s.Produce.Acks = drivers.Best, drivers.AcksLeader
		got := map[string]string{}
		for _, row := range d.Plan(s) {
			if row.Own != "" {
				got[row.Key] = row.Own
			}
		}
		if diff := cmp.Diff(want[d.Name()], got); diff != "" {
			t.Errorf("%s, want to got:\n%s", d.Name(), diff)
		}
	}
}
