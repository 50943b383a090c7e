// Package live shows what goes on in a run while it runs, to whoever asks over HTTP:
// an index of the workers that run now, and the pages of each. It knows nothing of
// processes; what a worker answers is the business of whoever adds it.
package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/ownname"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads/plan"
)

// Server is a listener and the workers that can be looked at there.
type Server struct {
	listener net.Listener
	server   *http.Server
	patience time.Duration

	mu      sync.Mutex
	workers []*shown      // in the order in which they were added
	news    chan struct{} // closed and replaced when one is added
}

// shown is a worker that runs.
type shown struct {
	Trial   results.TrialRef
	Arm     string // its part of the address
	Worker  string
	Role    results.Role
	handler http.Handler
}

// patience is how long a request waits for a worker that does not run yet: between two
// trials of an arm there are those of others.
const patience = 30 * time.Second

// Listen starts to serve. An address without a host is that of this machine alone.
func Listen(address string) (*Server, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address: write host:port, as in 127.0.0.1:6060, or :0 for any port", address)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port))
	if err != nil {
		return nil, err
	}
	s := &Server{listener: l, patience: patience, news: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("GET /{arm}/{worker}/debug/pprof/", s.pages)
	s.server = &http.Server{Handler: ownname.Only(l, mux), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(l) }() // it ends with Close
	return s, nil
}

// URL is where it is.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// PprofURL is where a CPU profile of a worker is to be had.
func (s *Server) PprofURL(arm, worker string) string {
	return fmt.Sprintf("%s/%s/%s/debug/pprof/profile?seconds=10", s.URL(), plan.FileName(arm), worker)
}

// Close ends the listener and every answer.
func (s *Server) Close() error { return s.server.Close() }

// Add implements conduct.Live.
func (s *Server) Add(of results.TrialRef, worker string, role results.Role, pages http.Handler) (remove func()) {
	w := &shown{Trial: of, Arm: plan.FileName(of.Arm), Worker: worker, Role: role, handler: pages}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers = append(s.workers, w)
	close(s.news)
	s.news = make(chan struct{})
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.workers = slices.DeleteFunc(s.workers, func(o *shown) bool { return o == w })
	}
}

// find waits for a worker, and returns nil where it does not come.
func (s *Server) find(ctx context.Context, arm, worker string) *shown {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.workers, func(w *shown) bool { return w.Arm == arm && w.Worker == worker })
		news := s.news
		if i >= 0 {
			defer s.mu.Unlock()
			return s.workers[i]
		}
		s.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Server) pages(w http.ResponseWriter, r *http.Request) {
	arm, name := r.PathValue("arm"), r.PathValue("worker")
	found := s.find(r.Context(), arm, name)
	if found == nil {
		var now []string
		for _, o := range s.running() {
			now = append(now, o.Arm+"/"+o.Worker)
		}
		http.Error(w, fmt.Sprintf("%s/%s did not run within %s; what runs now: %s", arm, name, s.patience,
			cmp.Or(strings.Join(now, ", "), "nothing")), http.StatusNotFound)
		return
	}
	http.StripPrefix("/"+arm+"/"+name, found.handler).ServeHTTP(w, r)
}

func (s *Server) running() []*shown {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.workers)
}

var indexPage = template.Must(template.New("").Parse(`<!DOCTYPE html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>kbench: what runs now</title>
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em}td,th{padding:.2em 1em .2em 0;text-align:left}code{background:#eee;padding:.1em .3em}</style>
<h1>What runs now</h1>
{{if .Workers}}<p>{{.Trial.Workload}}, round {{.Trial.Round}}
<table><tr><th>arm<th>worker<th>role<th>pages
{{range .Workers}}<tr><td>{{.Arm}}<td>{{.Worker}}<td>{{.Role}}<td><a href="/{{.Arm}}/{{.Worker}}/debug/pprof/">all</a>
<a href="/{{.Arm}}/{{.Worker}}/debug/pprof/goroutine?debug=1">goroutines</a>
{{end}}</table>
<p><code>go tool pprof -http=: {{.URL}}/{{.First.Arm}}/{{.First.Worker}}/debug/pprof/profile?seconds=10</code>
<p>What is taken in the measured part of a trial is written down, and the trial is marked.
{{else}}<p>No worker. One that is asked for is waited for, up to {{.Patience}}.
{{end}}`))

func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	workers := s.running()
	page := struct {
		URL      string
		Trial    results.TrialRef
		First    *shown
		Workers  []*shown
		Patience time.Duration
	}{URL: s.URL(), Workers: workers, Patience: s.patience}
	if len(workers) > 0 {
		page.Trial, page.First = workers[0].Trial, workers[0]
		for _, o := range workers {
			if o.Role == results.RoleProducer || o.Role == results.RoleConsumer || o.Role == results.RoleBoth {
				page.First = o // the client under test is what is looked for
				break
			}
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := indexPage.Execute(w, page); err != nil && !errors.Is(err, net.ErrClosed) {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
