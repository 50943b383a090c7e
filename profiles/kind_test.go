package profiles_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/profiles"
)

func ExampleParse() {
	kinds, hz, _ := profiles.Parse("cpu@250, heap")
	fmt.Println(hz)
	for _, k := range kinds {
		fmt.Println(k.FileName())
	}
	_, _, err := profiles.Parse("cpu,memory")
	fmt.Println(err)
	// Output:
	// 250
	// cpu.pb.gz
	// heap.pb.gz
	// profile "memory" does not exist: name one or more of cpu, heap, allocs, goroutine, mutex, block, trace, flight, separated by commas
}

func TestParse(t *testing.T) {
	f := func(list string, want ...profiles.Kind) {
		t.Helper()
		got, hz, err := profiles.Parse(list)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Parse(%q) = %v, %v, want %v", list, got, err, want)
		}
		if rate := slices.Contains(want, profiles.CPU); rate != (hz == profiles.DefaultHz) {
			t.Errorf("Parse(%q) samples at %d", list, hz)
		}
	}
	f("")
	f("  ")
	f("cpu", profiles.CPU)
	f("heap,cpu", profiles.Heap, profiles.CPU)
	f("heap, cpu ,heap", profiles.Heap, profiles.CPU)
	f("cpu,heap,allocs,goroutine,mutex,block,trace,flight", profiles.Kinds()...)

	bad := func(list string, names ...string) {
		t.Helper()
		got, _, err := profiles.Parse(list)
		if err == nil {
			t.Errorf("Parse(%q) = %v, want an error", list, got)
			return
		}
		for _, name := range append(names, "goroutine, mutex") {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("Parse(%q): error %q does not name %s", list, err, name)
			}
		}
	}
	bad("memory", `"memory"`)
	bad("CPU", `"CPU"`)
	bad("cpu,,heap", `""`)
	bad(",", `""`)
	bad("ram,heap,disk", `"ram"`, `"disk"`)
	bad("cpu@1000", "cpu@1000", "10 to 300")
	bad("cpu@", "10 to 300")
	bad("cpu@fast", "10 to 300")
	bad("heap@100", "heap has no rate")
	if _, hz, err := profiles.Parse("cpu,heap,cpu@250"); hz != 250 || err != nil {
		t.Errorf("the rate is %d, %v", hz, err)
	}
}

func TestPredicates(t *testing.T) {
	// names lists the kinds for which a predicate holds.
	f := func(what string, holds func(profiles.Kind) bool, want string) {
		t.Helper()
		var names []string
		for _, k := range profiles.Kinds() {
			if holds(k) {
				names = append(names, string(k))
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s holds for %s, want %s", what, got, want)
		}
	}
	f("IsPprof", profiles.Kind.IsPprof, "cpu heap allocs goroutine mutex block")
	f("IsDelta", profiles.Kind.IsDelta, "allocs mutex block")
	f("Perturbs", profiles.Kind.Perturbs, "mutex block trace flight")
}

func TestFileNames(t *testing.T) {
	seen := map[string]profiles.Kind{}
	for _, k := range profiles.Kinds() {
		name := k.FileName()
		if other, ok := seen[name]; ok {
			t.Errorf("%s and %s are both written to %s", k, other, name)
		}
		seen[name] = k
		suffix := ".pb.gz"
		if !k.IsPprof() {
			suffix = ".trace"
		}
		if !strings.HasSuffix(name, suffix) {
			t.Errorf("%s is written to %s, want a name that ends in %s", k, name, suffix)
		}
	}
}
