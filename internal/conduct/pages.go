package conduct

import (
	"maps"
	"net/http"

	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// Live is told which workers there are, and shows their pages to whoever asks.
type Live interface {
	// Add says that a worker of a trial runs. What it returns is called when it has
	// ended.
	Add(of results.TrialRef, worker string, role results.Role, pages http.Handler) (remove func())
}

// showPages has the pages of a worker shown for as long as it runs.
func (t *trial) showPages(w *process) {
	if t.run.o.Live == nil {
		return
	}
	remove := t.run.o.Live.Add(t.out.Ref, w.job.Name, w.job.Role, w)
	go func() {
		<-w.p.Done()
		remove()
	}()
}

// pageBacklog is how many pieces of a page may wait for the one who asked for it. It
// is 32 MiB: who is slower than that gets no more, for the worker waits for nobody.
const pageBacklog = 1024

// ServeHTTP asks the worker for a page, through the streams that it is led by, and
// passes on the answer piece by piece.
func (w *process) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	id, pieces := w.subscribe()
	defer w.unsubscribe(id)
	from := record.Now()
	if err := w.tell(worker.Command{Do: worker.Ask, ID: id, URL: r.URL.RequestURI()}); err != nil {
		http.Error(out, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.asked = append(w.asked, results.Asked{Page: r.URL.RequestURI(), From: from, To: record.Now()})
	}()
	begun := false
	for {
		select {
		case p, more := <-pieces:
			if !more && !begun {
				http.Error(out, "worker "+w.job.Name+" ended before it answered", http.StatusBadGateway)
				return
			}
			if !more {
				panic(http.ErrAbortHandler) // what is missing must not pass for the end
			}
			if !begun {
				begun = true
				maps.Copy(out.Header(), p.Header)
				out.WriteHeader(p.Status)
			}
			if _, err := out.Write(p.Data); err != nil {
				w.enough(id)
				return
			}
			if p.Last {
				return
			}
			if len(pieces) == 0 {
				_ = http.NewResponseController(out).Flush()
			}
		case <-r.Context().Done():
			w.enough(id)
			return
		}
	}
}

// enough tells the worker that nobody waits for a page any more.
func (w *process) enough(id int64) {
	_ = w.tell(worker.Command{Do: worker.Enough, ID: id}) // one that has ended need not know
}

// subscribe gives the pieces of a page that is going to be asked for.
func (w *process) subscribe() (id int64, pieces <-chan worker.Page) {
	ch := make(chan worker.Page, pageBacklog)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asks++
	if w.pages == nil {
		close(ch) // it says no more
		return w.asks, ch
	}
	w.pages[w.asks] = ch
	return w.asks, ch
}

func (w *process) unsubscribe(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pages, id)
}

// page hands a piece to whoever waits for it.
func (w *process) page(p *worker.Page) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := w.pages[p.ID]
	if ch == nil {
		return
	}
	select {
	case ch <- *p:
	default:
		close(ch)
		delete(w.pages, p.ID)
	}
}

// noMorePages tells all who wait that the worker says no more.
func (w *process) noMorePages() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ch := range w.pages {
		close(ch)
	}
	w.pages = nil
}
