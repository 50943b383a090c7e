//go:build franzgo_before_1_19

package franzgo

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

func contextOf(*kgo.Client) context.Context { return context.Background() }

// Before v1.19.0 one option is for the start and for what is out of range.
func startAt(where string, o kgo.Offset) setting {
	return exact("ConsumeResetOffset("+where+")", "", kgo.ConsumeResetOffset(o))
}

func telemetryOff() setting { return exact("the client has none", "") }

const stockTelemetry = "none"
