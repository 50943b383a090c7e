package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Send writes a value to the standard input of a process, as one line of JSON.
func Send(p Process, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = p.Stdin().Write(append(line, '\n'))
	return err
}

// End makes sure that a process is gone: the end of its input asks it to end, and
// where it has not done so within grace it is killed.
func End(p Process, grace time.Duration) (killed bool, err error) {
	_ = p.Stdin().Close()
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.Done():
		return false, nil
	case <-t.C:
		return true, Kill(p)
	}
}

// Kill returns when the process is gone.
func Kill(p Process) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.Signal(ctx, syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", p.PID(), err)
	}
	<-p.Done()
	return nil
}
