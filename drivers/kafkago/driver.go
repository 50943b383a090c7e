// Package kafkago puts github.com/segmentio/kafka-go behind kbench's driver
// interface. It translates settings and records and decides nothing.
//
// translate.go is the one place where a setting becomes a field of the client's
// configuration; Plan and the clients are both made from it.
package kafkago

import (
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/kbench/kbench/drivers"
)

type driver struct{}

var (
	_ drivers.Driver    = driver{}
	_ drivers.Versioned = driver{}
)

// New returns the driver of kafka-go.
func New() drivers.Driver { return driver{} }

func (driver) Name() string   { return "kafka-go" }
func (driver) Module() string { return "github.com/segmentio/kafka-go" }

func (driver) Plan(s drivers.Settings) []drivers.Setting {
	return translate(s).Plan(s, chosen(s))
}

// mechanism is nil where the cluster asks for no authentication.
func mechanism(s *drivers.SASL) (sasl.Mechanism, error) {
	if s == nil {
		return nil, nil
	}
	switch s.Mechanism {
	case "PLAIN":
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, s.User, s.Password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, s.User, s.Password)
	}
	return nil, fmt.Errorf("sasl: unknown mechanism %q, use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
}

// logger passes the client's log on at one level; the client has no levels of
// its own, only a logger for errors and one for all else.
func logger(env drivers.Env, level int) kafka.Logger {
	if env.Log == nil {
		return nil
	}
	return kafka.LoggerFunc(func(format string, args ...any) {
		env.Log(level, fmt.Sprintf(format, args...))
	})
}
