package aside

import "sync"

// hush is for how long nodes have answered nothing. It counts seconds in which it was
// asked itself, so that a process that was suspended takes nobody for silent.
type hush struct {
	mu   sync.Mutex
	open map[int32]int // seconds since the first question that is not answered, by node
}

// ask notes that a node is asked, unless another question is open; a call of what it
// returns that the node has answered.
func (h *hush) ask(node int32) (answered func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, asked := h.open[node]; !asked {
		if h.open == nil {
			h.open = map[int32]int{}
		}
		h.open[node] = -1 // the second in which it is asked is not a whole one
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.open, node)
	}
}

// silent is called once a second, and says who has not answered for how many.
func (h *hush) silent() map[int32]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out map[int32]int
	for node := range h.open {
		h.open[node]++
		if seconds := h.open[node]; seconds > 0 {
			if out == nil {
				out = map[int32]int{}
			}
			out[node] = seconds
		}
	}
	return out
}
