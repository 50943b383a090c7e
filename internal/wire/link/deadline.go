package link

import (
	"sync"
	"time"
)

// deadline ends waits at a time that may be changed while they wait. The zero
// deadline never does.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	past  chan struct{} // closed when it has passed
}

// passed returns what is closed when the deadline passes.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.channel()
}

// channel is made when it is first needed; d.mu is held.
func (d *deadline) channel() chan struct{} {
	if d.past == nil {
		d.past = make(chan struct{})
	}
	return d.past
}

// set moves the deadline; the zero time takes it away.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.past // it is about to be closed, and nobody is to be told of the new one by it
	}
	d.timer = nil
	past := false
	select {
	case <-d.channel():
		past = true
	default:
	}
	switch left := time.Until(t); {
	case t.IsZero() || left > 0:
		if past {
			d.past = make(chan struct{})
		}
		if !t.IsZero() {
			over := d.past
			d.timer = time.AfterFunc(left, func() { close(over) })
		}
	case !past:
		close(d.past)
	}
}
