//go:build franzgo_before_1_22 && !franzgo_before_1_20

package franzgo

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Before v1.22.0 the protocol was a trial, which was asked for by a value of the context.
func serverSide() (native string, opts []kgo.Opt) {
	const beta = "opt_in_kafka_next_gen_balancer_beta"
	return "WithContext(" + beta + ")", []kgo.Opt{kgo.WithContext(context.WithValue(context.Background(), beta, true))}
}
