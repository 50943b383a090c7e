package text

import (
	"fmt"
	"strings"

	"github.com/kbench/kbench/workloads"
)

// linkInWords is what an act did to a link, by the fields of the document.
func linkInWords(l *workloads.Link) string {
	var parts []string
	add := func(is bool, format string, args ...any) {
		if is {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(l.Cut, "cut")
	add(l.Blackhole, "blackhole")
	add(l.Delay > 0, "delay %s", l.Delay)
	add(l.Jitter > 0, "jitter %s", l.Jitter)
	add(l.Loss > 0, "loss %s", l.Loss)
	add(l.Bandwidth > 0, "bandwidth %s B/s", grouped(float64(l.Bandwidth), 0))
	add(l.Refuse > 0, "refuse %s", l.Refuse)
	add(l.Dial > 0, "dial %s", l.Dial)
	add(l.Idle > 0, "idle %s", l.Idle)
	add(l.Direction == "out" || l.Direction == "in", "%s", l.Direction)
	add(l.Share > 0 && l.Share < 1, "share %s", l.Share)
	add(l.Node != "" && l.Node != workloads.AnyNode, "node %s", l.Node)
	return strings.Join(parts, ", ")
}
