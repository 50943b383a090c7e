//go:build !franzgo_before_1_19

package franzgo

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

func contextOf(c *kgo.Client) context.Context { return c.Context() }

func startAt(where string, o kgo.Offset) setting {
	return exact("ConsumeStartOffset("+where+")", "", kgo.ConsumeStartOffset(o))
}

func telemetryOff() setting { return exact("DisableClientMetrics", "", kgo.DisableClientMetrics()) }

// stockTelemetry says whether the client tells brokers of itself by default.
const stockTelemetry = "on"
