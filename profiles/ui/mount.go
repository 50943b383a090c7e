package ui

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/pprof/driver"
	"github.com/google/pprof/profile"
)

// one keeps mounts apart from each other and from pages: pprof has its configuration and
// mode in globals of a package. What its pages show is chosen by their addresses, and
// never by flags, which would stay for all later mounts.
var one sync.RWMutex

// mount has pprof make the handlers of its pages for a profile, by their paths.
func mount(p *profile.Profile) (map[string]http.Handler, error) {
	one.Lock()
	defer one.Unlock()
	var handlers map[string]http.Handler
	said := &quiet{}
	err := driver.PProf(&driver.Options{
		Flagset: flags{"http": "127.0.0.1:1", "symbolize": "none"}, // nothing listens there: HTTPServer does not serve
		Fetch:   parsed{p},
		UI:      said,
		HTTPServer: func(args *driver.HTTPServerArgs) error {
			handlers = args.Handlers
			return nil
		},
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("pprof: %w", err)
	case handlers == nil:
		return nil, fmt.Errorf("pprof has no pages for it: %s", strings.Join(said.errors, "; "))
	}
	said.mounted()
	return handlers, nil
}

// parsed gives pprof a profile that is there already. It names no source: of one that
// has a source pprof keeps a copy in the home of the user.
type parsed struct{ p *profile.Profile }

func (f parsed) Fetch(string, time.Duration, time.Duration) (*profile.Profile, string, error) {
	return f.p.Copy(), "", nil
}

// flags are those of pprof's command line, at their defaults but for some.
type flags map[string]string

func (f flags) Bool(name string, def bool, _ string) *bool {
	if name == "no_browser" {
		def = true
	}
	return &def
}
func (f flags) Int(_ string, def int, _ string) *int             { return &def }
func (f flags) Float64(_ string, def float64, _ string) *float64 { return &def }
func (f flags) String(name, def, _ string) *string {
	if v, ok := f[name]; ok {
		def = v
	}
	return &def
}
func (f flags) StringList(_, def, _ string) *[]*string { return &[]*string{&def} }
func (f flags) ExtraUsage() string                     { return "" }
func (f flags) AddExtraUsage(string)                   {}
func (f flags) Parse(func()) []string                  { return []string{"profile"} }

// quiet is pprof's terminal: what it complains about while it mounts is an error, and
// later stands on the page.
type quiet struct {
	mu     sync.Mutex
	errors []string
	done   bool
}

func (q *quiet) ReadLine(string) (string, error) { return "", errors.New("there is no terminal") }
func (q *quiet) Print(...any)                    {}
func (q *quiet) PrintErr(args ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.done {
		q.errors = append(q.errors, strings.TrimSpace(fmt.Sprintln(args...)))
	}
}
func (q *quiet) mounted()                            { q.mu.Lock(); q.done = true; q.mu.Unlock() }
func (q *quiet) IsTerminal() bool                    { return false }
func (q *quiet) WantBrowser() bool                   { return false }
func (q *quiet) SetAutoComplete(func(string) string) {}
