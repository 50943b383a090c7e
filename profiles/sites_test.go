package profiles

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// stacks are a dump of goroutines that wait in a client, each made by one of its
// functions.
func stacks(n int, at, by, more string) string {
	return strings.Repeat(fmt.Sprintf("goroutine 7 [select%s]:\nruntime.gopark(0x1)\n\t/go/src/a.go:1 +0x1\nexample.org/client.%s(0x1, {0x2, 0x3})\n\t/c/a.go:1 +0x1\ncreated by example.org/client.%s in goroutine 5\n\t/c/a.go:9 +0x3\n\n", more, at, by), n)
}

// TestGrown: goroutines are counted by where they are and who made them, and those
// sites are told that have more by so many, the most first.
func TestGrown(t *testing.T) {
	at := func(dump string) map[Site]int { return Sites(ReadDump([]byte(dump))) }
	before := at(stacks(2, "(*c).loop", "Open", "") + stacks(9, "(*c).wait", "Open", ""))
	after := at(stacks(2, "(*c).loop", "Open", "") + stacks(7, "(*c).loop", "Again", "") + stacks(12, "(*c).wait", "Open", ", 2 minutes") + "goroutine 1 [running]:\nmain.main()\n\t/m.go:1\n")
	f := func(least int, want ...string) {
		t.Helper()
		var got []string
		for _, g := range Grown(before, after, least) {
			got = append(got, fmt.Sprintf("%s by %s %d %d", g.At, g.By, g.Before, g.After))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d: %q, want %q", least, got, want)
		}
	}
	f(8)
	f(4, "example.org/client.(*c).loop by example.org/client.Again 0 7")
	f(3, "example.org/client.(*c).loop by example.org/client.Again 0 7", "example.org/client.(*c).wait by example.org/client.Open 9 12")
	f(0, "example.org/client.(*c).loop by example.org/client.Again 0 7", "example.org/client.(*c).wait by example.org/client.Open 9 12", "main.main by  0 1")
}

// TestBlocked: those are told apart that the profile marks.
func TestBlocked(t *testing.T) {
	all := ReadDump([]byte(stacks(2, "a", "b", "") + stacks(3, "a", "b", " (leaked)")))
	if n := len(Blocked(all)); len(all) != 5 || n != 3 {
		t.Errorf("%d of %d", n, len(all))
	}
}
