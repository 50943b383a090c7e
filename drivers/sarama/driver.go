// Package sarama puts github.com/IBM/sarama behind kbench's driver interface. It
// translates settings and records and decides nothing.
//
// translate.go is the one place where a setting becomes a field of the client's
// Config; Plan and the clients are both made from it.
package sarama

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	client "github.com/IBM/sarama"

	"github.com/kbench/kbench/drivers"
)

type driver struct{}

var (
	_ drivers.Driver    = driver{}
	_ drivers.Versioned = driver{}
)

// New returns the driver of sarama.
func New() drivers.Driver { return driver{} }

func (driver) Name() string   { return "sarama" }
func (driver) Module() string { return "github.com/IBM/sarama" }

func (driver) Plan(s drivers.Settings) []drivers.Setting {
	return translate(s).Plan(s, chosen(s))
}

// Config is the configuration of a client in a role. It is exported so that a loop
// without the harness can be measured with the very same client.
func Config(s drivers.Settings, env drivers.Env, role drivers.Role) (*client.Config, error) {
	c := client.NewConfig()
	if s.ClientID != "" {
		c.ClientID = s.ClientID
	}
	// The protocol version is no setting of a workload, but what the other clients
	// negotiate by themselves must be said to this one.
	if s.Mode != drivers.Stock {
		c.Version = client.MaxVersion
	}
	c.Net.Proxy.Enable = true
	c.Net.Proxy.Dialer = dialer{env, c.Net.DialTimeout}
	if err := authenticate(c, env.SASL); err != nil {
		return nil, err
	}
	if err := translate(s).Apply(s, role, c); err != nil {
		return nil, err
	}
	if env.Log != nil {
		redirect(env.Log)
	}
	return c, nil
}

// dialer opens the client's connections. The client asks for it by an interface
// without a context, so the time limit that the client would set is set here.
type dialer struct {
	env     drivers.Env
	timeout time.Duration
}

func (d dialer) Dial(network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	return d.env.Dial(ctx, network, addr)
}

// The client has one logger for the whole process, in a variable of its own that
// may not be written while any client runs. It is therefore set once, to a
// logger that passes lines on to the client started last.
var (
	redirected sync.Once
	sink       atomic.Pointer[logger]
)

type logger func(level int, line string)

func redirect(log func(level int, line string)) {
	l := logger(log)
	sink.Store(&l)
	redirected.Do(func() { client.Logger = forward{} })
}

// forward is the process's logger. The client has no levels; its lines tell of
// connections and sessions.
type forward struct{}

const info = 2

func (forward) line(s string) { (*sink.Load())(info, strings.TrimSuffix(s, "\n")) }

func (f forward) Print(v ...any)                 { f.line(fmt.Sprint(v...)) }
func (f forward) Printf(format string, v ...any) { f.line(fmt.Sprintf(format, v...)) }
func (f forward) Println(v ...any)               { f.line(fmt.Sprintln(v...)) }
