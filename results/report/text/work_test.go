package text

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/workloads"
)

// heading is what is said of a workload above its tables.
func heading(spec *workloads.Spec, arms ...report.Arm) string {
	w := &report.Workload{Spec: spec, Unusual: spec.Unusual(), Arms: arms}
	for path, values := range spec.Varying() {
		w.Varies = append(w.Varies, report.Varied{Path: path, Values: values})
	}
	p := newPage(Options{Width: 10_000})
	p.work(w)
	return p.String()
}

// leaves calls f for every field in the sections of a workload, with another value
// than it has.
func leaves(t *testing.T, section reflect.Value, path string, f func(path string, value any)) {
	other := map[string]any{
		"records.size": 300.0, "produce.rate": "123/s", "produce.schedule": "poisson", "group.assignors": []any{"sticky"}, "process.gomemlimit": "512MiB",
		"link.node": "coordinator", "link.share": 0.5,
	}
	for i := range section.NumField() {
		field, tag := section.Field(i), section.Type().Field(i).Tag
		name, _, _ := strings.Cut(tag.Get("json"), ",")
		at := strings.TrimPrefix(path+"."+name, ".")
		is, leaf := tag.Lookup("is")
		switch v := field.Interface(); {
		case other[at] != nil:
			f(at, other[at])
		case field.Kind() == reflect.Struct && !leaf:
			leaves(t, field, at, f)
		case path == "": // of the document as a whole
		case field.Type() == reflect.TypeFor[time.Duration]():
			f(at, (2*v.(time.Duration) + time.Millisecond).String())
		case field.Kind() == reflect.Int:
			f(at, float64(v.(int)+1))
		case field.Kind() == reflect.Float64:
			f(at, field.Float()+0.1)
		case field.Kind() == reflect.Bool:
			f(at, !v.(bool))
		case field.Kind() == reflect.String:
			for _, word := range strings.Fields(is) {
				if word != v {
					f(at, word)
					break
				}
			}
		default:
			t.Errorf("%s: the test knows no other value of a %s", at, field.Type())
		}
	}
}

// Every field of a workload that is not at its default is said, whatever kind of
// workload it is: in words of its own or by its path.
func TestEveryFieldIsSaid(t *testing.T) {
	plain := workloads.Default()
	produce, backlog, churn, keys, max := plain, plain, plain, plain, plain
	produce.Consume.Members = 0
	backlog.Consume.Members, backlog.Consume.Backlog = 1, 1000
	churn.Churn = []workloads.ChurnEntry{{Do: "join", Times: 1}}
	keys.Records.Keys.Kind = "zipf"
	max.Produce.Rate = workloads.Rate{Max: true}
	said := 0
	for name, base := range map[string]workloads.Spec{"end-to-end": plain, "produce": produce, "backlog": backlog, "churn": churn, "keys": keys, "max": max} {
		without := heading(&base)
		leaves(t, reflect.ValueOf(base), "", func(path string, value any) {
			spec := base
			if err := spec.Apply(path, value); err != nil {
				t.Errorf("%s: %v", path, err)
			} else if usual := workloads.Default(); spec.Says(path) == usual.Says(path) {
				return // the kind that the other one is not
			} else if heading(&spec) == without {
				t.Errorf("%s: nothing is said of %s %v:\n%s", name, path, value, without)
			}
			said++
		})
	}
	if said < 6*50 {
		t.Errorf("only %d fields were tried", said)
	}
}

// The words that readers look for.
func TestWork(t *testing.T) {
	f := func(want string, change func(*workloads.Spec), arms ...report.Arm) {
		t.Helper()
		spec := workloads.Default()
		change(&spec)
		if got := heading(&spec, arms...); got != want {
			t.Errorf("\n%s, want\n%s", got, want)
		}
	}
	f("  256 B records, 12 partitions, 600/s constant, acks all, codec none, 3 members, 30s measured\n", func(*workloads.Spec) {})
	f("  256 B records, 1,000 keys of 16 B, zipf 1.1, 12 partitions, 1,800/s: 1,000/s and bursts of 200 every 250ms, over 3 producers, acks all, codec none, "+
		"3 members, handler 5ms a record, isolation read_committed, static membership, assignors sticky, topic.replication 1, 30s measured\n",
		func(s *workloads.Spec) {
			s.Records.Keys.Kind, s.Produce.Producers, s.Produce.Rate.PerSecond = "zipf", 3, 1000
			s.Produce.Schedule = workloads.Schedule{Kind: "bursts", Every: 250 * time.Millisecond, Size: 200}
			s.Consume.Handler.Time, s.Consume.Isolation, s.Group.Static = 5*time.Millisecond, "read_committed", true
			s.Group.Assignors, s.Topic.Replication = []string{"sticky"}, 1
		})
	f("  256 B records, 12 partitions, 600/s constant, acks all, codec none, 3 members, 30s measured\n  compared by cpu.per_record by 3%, p99(e2e.response) by 5%\n",
		func(s *workloads.Spec) { s.Compare = []string{"cpu.per_record by 3%", "p99(e2e.response) by 5%"} })
	f("  256 B records, 12 partitions, rate max, 16,384 outstanding, acks all, codec none or lz4 by arm, nothing consumes, 30s measured\n", func(s *workloads.Spec) {
		s.Produce.Rate, s.Consume.Members = workloads.Rate{Max: true}, 0
		s.Matrix = workloads.Matrix{{"produce.codec": {"none", "lz4"}}}
	})
	own := func(acks, codec string) []workloads.Said {
		return []workloads.Said{{Path: "produce.acks", Value: acks}, {Path: "produce.codec", Value: codec}, {Path: "produce.linger", Value: "5ms"}}
	}
	f("  256 B records, 12 partitions, 600/s constant, codec none, 3 members, 30s measured\n"+
		"  franz-go (stock), franz-go: acks all\n  kafka-go (stock): acks none\n",
		func(*workloads.Spec) {},
		report.Arm{Name: "franz-go", Lane: "stock", Own: own("all", "none")}, report.Arm{Name: "kafka-go", Lane: "stock", Own: own("none", "none")}, report.Arm{Name: "franz-go"})
	f("  256 B records, 12 partitions, 600/s constant, acks all, codec none, 3 members that come and go, assignors range, session 10s, heartbeat 3s\n"+
		"  churn    join, leave ×12 (when stable, phase random); crash (at 1m30s, target oldest, with group.session 6s, not restored)\n",
		func(s *workloads.Spec) {
			no := false
			s.Churn = []workloads.ChurnEntry{{Cycle: []string{"join", "leave"}, Times: 12, When: "stable", Phase: "random"},
				{Do: "crash", At: 90 * time.Second, Target: "oldest", With: map[string]any{"group.session": "6s"}, Restore: &no}}
		})
}
