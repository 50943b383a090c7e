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
		got, err := Again(short, "w", 7, wanted)
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
