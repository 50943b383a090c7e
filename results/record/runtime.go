package record

import (
	"bytes"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"

	"golang.org/x/sys/unix"
)

// SampleRuntime reads what this process has used so far. It costs tens of
// microseconds and allocates: once a second is fine, once a record is not.
func SampleRuntime() Runtime {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:objects"},
		{Name: "/gc/heap/tiny/allocs:objects"}, // not in the first, though each is an allocation to whoever wrote it
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/sched/goroutines:goroutines"},
	}
	metrics.Read(samples)
	count := func(i int) int64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0 // a later Go dropped it
		}
		return int64(samples[i].Value.Uint64())
	}
	// runtime/metrics has the pauses only as a histogram; this sum is exact.
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	r := Runtime{
		Allocs:     count(0) + count(1),
		AllocBytes: count(2),
		HeapLive:   count(3),
		GCs:        count(4),
		Goroutines: count(5),
		GCPause:    int64(gc.PauseTotal),
	}
	r.CPUUser, r.CPUSys = cpuTimes()
	// The peak in rusage is inherited through exec from whoever started this
	// process; the one in /proc is of this program alone.
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return r // not Linux: memory stays unknown
	}
	r.RSS, r.RSSPeak = statusBytes(status, "VmRSS:"), statusBytes(status, "VmHWM:")
	return r
}

// CPUTime is the user and system time that this process has used so far, ns; 0
// where the system does not tell. It takes about a microsecond.
func CPUTime() int64 {
	user, system := cpuTimes()
	return user + system
}

func cpuTimes() (user, system int64) {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0, 0
	}
	return usage.Utime.Nano(), usage.Stime.Nano()
}

// statusBytes reads a line such as "VmRSS:    1234 kB".
func statusBytes(status []byte, key string) int64 {
	_, rest, found := bytes.Cut(status, []byte("\n"+key))
	if !found {
		return 0
	}
	fields := bytes.Fields(rest[:max(bytes.IndexByte(rest, '\n'), 0)])
	if len(fields) == 0 {
		return 0
	}
	kb, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}
