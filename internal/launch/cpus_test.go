package launch

import (
	"slices"
	"testing"
)

func TestParseCPUs(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		set, err := ParseCPUs(text)
		if err != nil || set.String() != want {
			t.Errorf("%q: %s, %v; want %s", text, set, err, want)
		}
	}
	f("0", "0")
	f("0-3", "0-3")
	f("3,0-1,1", "0-1,3")
	f("1023", "1023")
	f("0,2,4-5", "0,2,4-5")
	for _, text := range []string{"", "a", "0-", "-1", "3-1", "0,,1", "1024", "0-99999999999", "0 1"} {
		if set, err := ParseCPUs(text); err == nil {
			t.Errorf("%q is taken for %s", text, set)
		}
	}
	if got := (CPUSet{}).String(); got != "" {
		t.Errorf("no CPU is %q", got)
	}
}

func TestCheckCPUs(t *testing.T) {
	there, allowed, err := CPUs()
	if err != nil {
		if CheckCPUs(CPUSet{0}) == nil {
			t.Error("processes cannot be tied here, and nobody says so")
		}
		return
	}
	if err := CheckCPUs(allowed); err != nil {
		t.Error(err)
	}
	missing := slices.Max(there) + 1
	if err := CheckCPUs(CPUSet{missing}); err == nil {
		t.Errorf("CPU %d, which is not there, is taken", missing)
	}
}
