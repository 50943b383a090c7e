package profiles

import (
	"cmp"
	"slices"
	"strings"
)

// Site is what goroutines have in common that do the same: where they are, and who
// made them.
type Site struct {
	At string // the innermost function that is not of the standard library's plumbing
	By string // the function that made it; empty for the first goroutine
}

// Sites counts goroutines by site.
func Sites(all []Stack) map[Site]int {
	out := map[Site]int{}
	for i := range all {
		out[Site{all[i].at(), all[i].By}]++
	}
	return out
}

// Blocked are the goroutines that the goroutineleak profile marked: nothing that is
// alive can wake them.
func Blocked(all []Stack) []Stack {
	return slices.DeleteFunc(slices.Clone(all), func(g Stack) bool { return !strings.Contains(g.State, "(leaked)") })
}

// Growth is a site with the number of its goroutines at two times.
type Growth struct {
	Site
	Before, After int
}

// Grown are the sites that have more goroutines after than before, by at least a
// number of them, those with most more first.
func Grown(before, after map[Site]int, least int) []Growth {
	var out []Growth
	for site, n := range after {
		if n-before[site] >= max(least, 1) {
			out = append(out, Growth{site, before[site], n})
		}
	}
	slices.SortFunc(out, func(a, b Growth) int {
		return cmp.Or(cmp.Compare(b.After-b.Before, a.After-a.Before), cmp.Compare(a.At, b.At), cmp.Compare(a.By, b.By))
	})
	return out
}
