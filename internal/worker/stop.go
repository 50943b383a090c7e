package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kbench/kbench/results"
)

// A client has closeTimeout to close in good order. With records that were waited for
// in vain it may well wait for them too, and need not be waited for long. Where the
// supervisor has gone, or wants the end, what was recorded has to be saved soon.
const (
	closeTimeout    = 30 * time.Second
	closeUnanswered = 5 * time.Second
	closeAlone      = 2 * time.Second
)

// stop closes the clients that are still open.
func (w *worker) stop(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	w.s.phase(results.PhaseClose)
	var errs []error
	for _, h := range w.all() {
		if err := h.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: close consumer: %w", w.job.Client, err))
		}
	}
	if w.gen != nil {
		_, _, err := w.settle(ctx)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
