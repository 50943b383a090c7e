package drivertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/kbench/kbench/drivers"
)

func planChecks() []Check {
	return []Check{{
		Name:  "plan",
		About: "the plan answers every key once, in order, gives its reasons, and is the same each time",
		Run:   checkPlan,
	}}
}

func checkPlan(_ context.Context, e *Env) error {
	var errs []error
	if e.drv.Name() == "" {
		errs = append(errs, errors.New("the driver has no name"))
	}
	for _, mode := range []drivers.Mode{drivers.Matched, drivers.Best, drivers.Stock} {
		s := e.settings("a", "b")
		s.Mode = mode
		plan := e.drv.Plan(s)
		var keys []string
		for _, line := range plan {
			keys = append(keys, line.Key)
			errs = append(errs, checkLine(mode, line))
		}
		if want := drivers.Keys(); !slices.Equal(keys, want) {
			errs = append(errs, fmt.Errorf("%s: the keys answered are %v, not %v", mode, keys, want))
		}
		if again := e.drv.Plan(s); !reflect.DeepEqual(plan, again) {
			errs = append(errs, fmt.Errorf("%s: a second plan of the same settings differs", mode))
		}
		fresh := e.settings("a", "b")
		fresh.Mode = mode
		if !reflect.DeepEqual(s, fresh) {
			errs = append(errs, fmt.Errorf("%s: Plan changed the settings it was given", mode))
		}
	}
	return errors.Join(errs...)
}

func checkLine(mode drivers.Mode, line drivers.Setting) error {
	switch line.Fidelity {
	case drivers.Exact:
	case drivers.Approx, drivers.Unsupported:
		if line.Why == "" {
			return fmt.Errorf("%s: %s is %s without a reason", mode, line.Key, line.Fidelity)
		}
	default:
		return fmt.Errorf("%s: %s has the unknown fidelity %q", mode, line.Key, line.Fidelity)
	}
	if line.Claim != "" && !slices.Contains(claimable(), line.Key) {
		return fmt.Errorf("%s: %s claims %q, but the wire carries no such thing", mode, line.Key, line.Claim)
	}
	if line.Key == drivers.KeyBatchRecords && line.Claim != "" {
		if _, err := strconv.Atoi(line.Claim); err != nil {
			return fmt.Errorf("%s: %s claims %q, which is no number", mode, line.Key, line.Claim)
		}
	}
	return nil
}

// claimable are the keys whose claims the tap can check.
func claimable() []string {
	return []string{
		drivers.KeyAcks, drivers.KeyAckTimeout, drivers.KeyCodec, drivers.KeyBatchRecords, drivers.KeyFetchWait,
		drivers.KeyFetchMin, drivers.KeyFetchMax, drivers.KeyFetchMaxPartition, drivers.KeyIsolation, drivers.KeySession,
		drivers.KeyRebalance, drivers.KeyHeartbeat, drivers.KeyAssignors, drivers.KeyStatic, drivers.KeyProtocol,
	}
}
