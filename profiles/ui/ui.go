// Package ui serves profiles as pprof's own web pages, many of them below one address:
// flame graph, top, source and the rest are github.com/google/pprof's, of which it
// mounts one set for each profile. It adds an index, and a bar above every page that
// says what one looks at.
//
//	ui      the handler: index, pages, bar
//	mount   pprof's handlers for one profile
//	index   tables with links
//
// It knows no runs: whoever has profiles gives them a path and a title. Nothing is
// written anywhere, the home of the user included.
package ui

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"strings"
	"sync"

	"github.com/google/pprof/profile"
)

// Page is a profile with a place.
type Page struct {
	Path  string   // below the root, such as produce-max/franz-go/producer/cpu
	Title string   // what it is of, in a line
	Notes []string // what one must know of it, such as that it has few samples
	Load  func() (*profile.Profile, error)
	// First is the sample type that is shown unless another is chosen; empty: pprof's
	// choice, which is the last.
	First string
}

// Handler serves an index at the root, and pprof's pages below the path of each page.
func Handler(index Index, pages []Page) http.Handler {
	mux := http.NewServeMux()
	front := index.html() // tables do not change
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(front)
	})
	for _, p := range pages {
		prefix := "/" + strings.Trim(p.Path, "/")
		mux.Handle("GET "+prefix+"/", http.StripPrefix(prefix, &mounted{page: p, up: strings.Repeat("../", strings.Count(prefix, "/"))}))
	}
	return mux
}

// mounted is a page whose handlers are made when somebody first looks at it: to parse
// and mount all profiles of a night takes long, and most are never looked at.
type mounted struct {
	page Page
	up   string // the way from its pages to the index

	once     sync.Once
	handlers map[string]http.Handler
	err      error
}

func (m *mounted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.once.Do(func() {
		m.err = errors.New("it could not be read") // should the reader of a broken profile panic
		m.handlers, m.err = m.mount()
	})
	if m.err != nil {
		http.Error(w, fmt.Sprintf("%s: %v", m.page.Title, m.err), http.StatusInternalServerError)
		return
	}
	switch r.URL.Path {
	case "/saveconfig", "/deleteconfig":
		http.Error(w, "settings are not kept: they would be written to the home directory; the address of a page has them all", http.StatusForbidden)
		return
	}
	h := m.handlers[r.URL.Path]
	if h == nil {
		http.NotFound(w, r)
		return
	}
	answer := &held{header: w.Header()}
	one.RLock()
	h.ServeHTTP(answer, r)
	one.RUnlock()
	body := answer.body.Bytes()
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		body = m.withBar(body)
	}
	if answer.status != 0 {
		w.WriteHeader(answer.status)
	}
	if _, err := w.Write(body); err != nil {
		log.Printf("%s: %v", r.URL.Path, err)
	}
}

// mount makes the handlers of the page.
func (m *mounted) mount() (map[string]http.Handler, error) {
	p, err := m.page.Load()
	if err != nil {
		return nil, err
	}
	if m.page.First != "" {
		p.DefaultSampleType = m.page.First
	}
	return mount(p)
}

// bar is what stands above pprof's header.
var bar = template.Must(template.New("bar").Parse(
	`<div style="padding:6px 1rem;background:#234;color:#fff;flex:none"><a href="{{.Up}}" style="color:#9cf">all profiles</a>&ensp;<b>{{.Title}}</b>` +
		`{{range .Notes}}&ensp;<span style="color:#fd8">{{.}}</span>{{end}}</div>`))

// withBar puts the bar into a page.
func (m *mounted) withBar(page []byte) []byte {
	at := bytes.Index(page, []byte("<body>"))
	if at < 0 {
		return page
	}
	at += len("<body>")
	var out bytes.Buffer
	out.Write(page[:at])
	_ = bar.Execute(&out, struct {
		Up, Title string
		Notes     []string
	}{m.up, m.page.Title, m.page.Notes}) // into memory
	out.Write(page[at:])
	return out.Bytes()
}

// held is an answer that waits for what is added to it.
type held struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (h *held) Header() http.Header         { return h.header }
func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(p []byte) (int, error) { return h.body.Write(p) }
