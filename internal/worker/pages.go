package worker

import (
	"context"
	"net/http"
	"net/url"
	"sync"

	"github.com/kbench/kbench/profiles/capture"
)

// Page is a piece of the answer to a request for a page: of one request they come in
// order, the first with the status and the header.
type Page struct {
	ID     int64       `json:"id"`
	Status int         `json:"status,omitempty"`
	Header http.Header `json:"header,omitempty"`
	Data   []byte      `json:"data,omitempty"`
	Last   bool        `json:"last,omitempty"`
}

// pages answers, beside all commands, what is asked of a running worker: what
// net/http/pprof offers. The worker listens nowhere. Questions are commands and the
// pieces of answers are reports, so that they go wherever the worker is.
type pages struct {
	report *reporter
	served http.Handler
	ready  chan struct{} // closed when the worker has begun what it does by itself

	mu     sync.Mutex
	asked  map[int64]context.CancelFunc
	closed bool
	done   sync.WaitGroup
}

func newPages(report *reporter) *pages {
	return &pages{report: report, served: capture.Pages(), ready: make(chan struct{}), asked: map[int64]context.CancelFunc{}}
}

// ask answers one request, beside others.
func (p *pages) ask(ctx context.Context, c Command) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	p.asked[c.ID] = cancel
	p.done.Go(func() {
		defer func() {
			cancel()
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.asked, c.ID)
		}()
		w := &pageWriter{report: p.report, page: Page{ID: c.ID, Header: http.Header{}}}
		defer w.end()
		// Who waited for this worker must not take from it what it is about to begin,
		// such as the runtime's one CPU profile.
		select {
		case <-p.ready:
		case <-ctx.Done():
			http.Error(w, "the worker ended before it was ready", http.StatusServiceUnavailable)
			return
		}
		u, err := url.ParseRequestURI(c.URL)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r := (&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
		p.served.ServeHTTP(w, r)
	})
}

// enough ends an answer that nobody waits for any more.
func (p *pages) enough(id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cancel := p.asked[id]; cancel != nil {
		cancel()
	}
}

// close ends all of them: what was collected until now is their answer.
func (p *pages) close() {
	p.mu.Lock()
	p.closed = true
	for _, cancel := range p.asked {
		cancel()
	}
	p.mu.Unlock()
	p.done.Wait()
}

// pieceBytes is how much of an answer goes into one report: other reports wait for it.
const pieceBytes = 32 << 10

// pageWriter is an http.ResponseWriter that reports.
type pageWriter struct {
	report *reporter
	page   Page // the piece that is being filled
	begun  bool
}

func (w *pageWriter) Header() http.Header { return w.page.Header }

func (w *pageWriter) WriteHeader(status int) {
	if !w.begun {
		w.begun, w.page.Status = true, status
	}
}

func (w *pageWriter) Write(data []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	n := len(data)
	for len(data) > 0 {
		part := data[:min(len(data), pieceBytes-len(w.page.Data))]
		w.page.Data = append(w.page.Data, part...)
		data = data[len(part):]
		if len(w.page.Data) == pieceBytes {
			w.Flush()
		}
	}
	return n, nil
}

// Flush implements http.Flusher.
func (w *pageWriter) Flush() {
	w.WriteHeader(http.StatusOK)
	w.report.say(Report{Say: PageMsg, Page: &w.page})
	w.page = Page{ID: w.page.ID, Header: http.Header{}, Data: w.page.Data[:0]}
}

func (w *pageWriter) end() {
	w.page.Last = true
	w.Flush()
}
