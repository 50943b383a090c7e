// Package franzgo puts github.com/twmb/franz-go behind kbench's driver
// interface. It translates settings and records and decides nothing.
//
// translate.go is the one place where a setting becomes an option; Plan and the
// clients are both made from it and so cannot differ.
package franzgo

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/kbench/kbench/drivers"
)

type driver struct{}

var (
	_ drivers.Driver    = driver{}
	_ drivers.Versioned = driver{}
)

// New returns the driver of franz-go.
func New() drivers.Driver { return driver{} }

func (driver) Name() string   { return "franz-go" }
func (driver) Module() string { return "github.com/twmb/franz-go" }

func (driver) Plan(s drivers.Settings) []drivers.Setting {
	return translate(s).Plan(s, chosen(s))
}

// Options are the options of a client in a role; a member's are without the
// callbacks through which the driver follows its assignment. They are exported so
// that a loop without the harness can be measured with the very same client.
func Options(s drivers.Settings, env drivers.Env, role drivers.Role) ([]kgo.Opt, error) {
	opts, err := common(s, env)
	if err != nil {
		return nil, err
	}
	if err := translate(s).Apply(s, role, &opts); err != nil {
		return nil, err
	}
	if role == drivers.Consuming {
		opts = append(opts, kgo.ConsumerGroup(s.GroupID), kgo.ConsumeTopics(s.Topics...))
	}
	return opts, nil
}

// common are the options that every client has, whatever it does.
func common(s drivers.Settings, env drivers.Env) ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(env.Seeds...),
		kgo.Dialer(env.Dial),
		kgo.ClientID(s.ClientID),
	}
	if env.Log != nil {
		opts = append(opts, kgo.WithLogger(logger(env.Log)))
	}
	if env.SASL == nil {
		return opts, nil
	}
	auth := scram.Auth{User: env.SASL.User, Pass: env.SASL.Password}
	switch env.SASL.Mechanism {
	case "PLAIN":
		return append(opts, kgo.SASL(plain.Auth{User: env.SASL.User, Pass: env.SASL.Password}.AsMechanism())), nil
	case "SCRAM-SHA-256":
		return append(opts, kgo.SASL(auth.AsSha256Mechanism())), nil
	case "SCRAM-SHA-512":
		return append(opts, kgo.SASL(auth.AsSha512Mechanism())), nil
	}
	return nil, fmt.Errorf("sasl: unknown mechanism %q, use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", env.SASL.Mechanism)
}

// logger passes the client's log on. The client asks for the level first, so
// debug lines are never even formatted.
type logger func(level int, line string)

func (l logger) Level() kgo.LogLevel { return kgo.LogLevelInfo }

func (l logger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	line := msg
	for i := 0; i+1 < len(keyvals); i += 2 {
		line += fmt.Sprintf("; %v: %v", keyvals[i], keyvals[i+1])
	}
	// kgo counts errors as 1, the harness as 0.
	l(int(level)-1, line)
}
