package capture

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// Pages is what net/http/pprof offers, of this process, beside a Session. Contention
// (mutex, block) is sampled only while somebody wants it: a request for a length of
// time (seconds=N) has it sampled for that long.
func Pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", cpuPage)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	for name, s := range map[string]*contention{"mutex": &mutexes, "block": &blocks} {
		of := pprof.Handler(name)
		mux.HandleFunc("/debug/pprof/"+name, func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("seconds") != "" {
				defer s.on()()
			}
			of.ServeHTTP(w, r)
		})
	}
	return mux
}

// cpuPage is a CPU profile from now on, of as many seconds as are asked for. Beside a
// Sampler it is made of the samples that this one has: a second reader of the runtime's
// would take them from it, and wait for ever.
func cpuPage(w http.ResponseWriter, r *http.Request) {
	if taken.CompareAndSwap(false, true) {
		defer taken.Store(false)
		pprof.Profile(w, r)
		return
	}
	s := current.Load()
	if s == nil {
		http.Error(w, "this process is being profiled already", http.StatusInternalServerError)
		return
	}
	seconds, err := strconv.ParseFloat(cmp.Or(r.FormValue("seconds"), "30"), 64)
	if most := s.longest(); err != nil || !(seconds > 0) || seconds > most.Seconds() {
		http.Error(w, fmt.Sprintf("seconds is how long to sample: more than 0, and at most %.0f, since at %d samples per second of each of %d processors a profile has no room for more",
			most.Seconds(), s.o.Hz, runtime.NumCPU()), http.StatusBadRequest)
		return
	}
	got, err := s.during(r.Context(), time.Duration(seconds*float64(time.Second)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="profile"`)
	_ = got.Profile.Write(w) // who asked is gone
}

// contention is a kind of it that the runtime samples for all who want it, from the
// first to the last.
type contention struct {
	begin func() (end func())

	mu    sync.Mutex
	users int
	end   func()
}

// on has it sampled until off is called.
func (c *contention) on() (off func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users++; c.users == 1 {
		c.end = c.begin()
	}
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.users--; c.users == 0 {
			c.end()
		}
	})
}

// The runtime has one of each in a process, and so have we.
var (
	mutexes = contention{begin: func() func() {
		was := runtime.SetMutexProfileFraction(mutexFraction)
		return func() { runtime.SetMutexProfileFraction(was) }
	}}
	blocks = contention{begin: func() func() {
		runtime.SetBlockProfileRate(blockRate)
		return func() { runtime.SetBlockProfileRate(0) }
	}}
)
