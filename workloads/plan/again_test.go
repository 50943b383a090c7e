package plan

import (
	"reflect"
	"slices"
	"testing"

	"github.com/kbench/kbench/workloads"
)

// TestAgain: a round that follows is as if it had been planned from the start, for those
// arms that are wanted.
func TestAgain(t *testing.T) {
	specs := []workloads.Spec{spec(t, `
name: w
rounds: 1
matrix: {group.assignors: [[range], [sticky], [cooperative-sticky]]}
churn: [{do: join, when: stable}]
`)}
	expand := func(profiled int) []Trial {
		t.Helper()
		trials, err := Expand(specs, []string{"franz-go", "sarama"}, []string{"matched"}, Rounds{Profiled: profiled}, 7)
		if err != nil {
			t.Fatal(err)
		}
		return trials
	}
	short, long := expand(1), expand(2)
	f := func(what string, wanted func(string) bool, want []Trial) {
		t.Helper()
		got, err := Again(short, 7, Follow{Workload: "w", Profiled: true, Wanted: wanted})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v; %v", what, got, want, err)
		}
	}
	all := long[len(short):]
	f("all arms", func(string) bool { return true }, all)
	one := slices.Clone(all[2:3])
	one[0].number(len(short) + 1)
	f("one arm", func(arm string) bool { return arm == one[0].Arm.Name }, one)
}

// TestFollowed: rounds that followed are planned again as they were: timed ones, one that
// was repeated, which has the records and acts of the first time and another number, and
// one of some arms alone.
func TestFollowed(t *testing.T) {
	specs := []workloads.Spec{spec(t, `
name: w
matrix: {group.assignors: [[range], [sticky], [cooperative-sticky]]}
churn: [{do: join, when: stable}]
`), spec(t, "name: v")}
	expand := func(rounds int) []Trial {
		t.Helper()
		trials, err := Expand(specs, []string{"franz-go", "sarama"}, []string{"matched"}, Rounds{Timed: rounds}, 7)
		if err != nil {
			t.Fatal(err)
		}
		return trials
	}
	planned, long := expand(1), expand(2)
	all := planned
	for _, f := range []Follow{
		{Workload: "w"}, {Workload: "v"}, {Workload: "w", Repeat: 2}, {Workload: "v"}, {Workload: "w", Profiled: true, Wanted: func(arm string) bool { return arm == "sarama/range" }},
	} {
		more, err := Again(all, 7, f)
		if err != nil {
			t.Fatal(err)
		}
		all = slices.Concat(all, more)
	}
	second := all[len(planned) : len(planned)+6] // round 2 of w
	for i, tr := range second {
		tr.N, tr.Dir = long[6+i].N, long[6+i].Dir
		if !reflect.DeepEqual(tr, long[6+i]) {
			t.Errorf("trial %d of round 2 is %+v, and %+v where both rounds are planned", i, tr, long[6+i])
		}
	}
	again, moved, dirs := all[len(planned)+8:len(planned)+14], false, map[string]bool{}
	for i, tr := range again {
		same := slices.IndexFunc(second, func(was Trial) bool { return was.Arm.Name == tr.Arm.Name })
		was := second[same]
		moved = moved || same != i
		was.N, was.Dir, was.Repeat = tr.N, tr.Dir, true
		if !reflect.DeepEqual(tr, was) {
			t.Errorf("once more it is %+v, was %+v", tr, was)
		}
	}
	if !moved {
		t.Error("the repeat has the order of the first time")
	}
	var were []Was
	for _, tr := range all {
		dirs[tr.Dir] = true
		if tr.N > len(planned) {
			were = append(were, Was{tr.Workload, tr.Arm.Name, tr.Round, tr.Profiled, tr.Repeat})
		}
	}
	if len(dirs) != len(all) || all[len(all)-1].N != len(all) || all[len(all)-1].Round != 3 {
		t.Errorf("%d directories of %d trials, the last of which is %+v", len(dirs), len(all), all[len(all)-1])
	}
	got, err := Followed(planned, 7, were)
	if err != nil || !reflect.DeepEqual(got, all) {
		t.Errorf("planned anew: %d trials of %d, %v", len(got), len(all), err)
	}
	many := make([]Trial, maxTrials-1)
	copy(many, planned)
	if _, err := Again(many, 7, Follow{Workload: "w"}); err == nil {
		t.Error("more trials are planned than are run at a time")
	}
}
