package acts

import (
	"reflect"
	"slices"
	"testing"
)

// TestTable holds what readers rely on: each act once, those of one member first,
// and no act that does nothing, or two things that cannot be done at once.
func TestTable(t *testing.T) {
	seen := map[Kind]bool{}
	for i, a := range table {
		if seen[a.Kind] || !reflect.DeepEqual(Of(a.Kind), a) {
			t.Errorf("%s stands in the table twice", a.Kind)
		}
		seen[a.Kind] = true
		effects := 0
		for _, does := range []bool{a.Joins || a.Ends, a.Stops, a.Link, a.Node, a.Grows, a.Roll, a.Storm} {
			if does {
				effects++
			}
		}
		if effects != 1 {
			t.Errorf("%s does %d things", a.Kind, effects)
		}
		if a.Within && (!a.Ends || !a.Joins) || a.Abrupt && !a.Ends || a.Refresh && !a.Grows || a.Single && !a.Joins && !a.Ends && !a.Lasts() {
			t.Errorf("%+v contradicts itself", a)
		}
		if i > 0 && a.Single && !table[i-1].Single {
			t.Errorf("%s is of one member and stands behind one that is not", a.Kind)
		}
	}
}

func TestLists(t *testing.T) {
	f := func(got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	f(Singles(), "join", "leave", "crash", "stall", "restart", "reopen", "link")
	f(With("for"), "stall", "link", "broker", "crashloop", "storm")
	f(With("fo"))
	if slices.Contains(Names(), string(AssignorStep)) {
		t.Error("a document may ask for a step")
	}
	if !Of(Leave).Leaves() || Of(Crash).Leaves() || Of(Restart).Leaves() || Of(Join).Leaves() {
		t.Error("only a leave goes by itself")
	}
	if a := Of("jump"); !reflect.DeepEqual(a, Act{Kind: "jump"}) {
		t.Errorf("an unknown act does something: %+v", a)
	}
}
