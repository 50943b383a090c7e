package cluster

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/kbench/kbench/internal/access"
)

// Access is all that a client needs to reach a cluster.
type Access = access.Access

// TLSFiles is the part of it that is about TLS.
type TLSFiles = access.TLSFiles

// clientID is what the harness's own connections are called in broker logs.
const clientID = "kbench-admin"

// connect opens a franz-go client for the harness's own use.
func connect(a Access, extra ...kgo.Opt) (*kgo.Client, error) {
	cl, _, err := connectOver(a, extra...)
	return cl, err
}

// connectOver is connect, with its connections.
func connectOver(a Access, extra ...kgo.Opt) (*kgo.Client, *lines, error) {
	conf, err := a.TLSConfig()
	if err != nil {
		return nil, nil, err
	}
	l := &lines{tls: conf}
	opts := []kgo.Opt{
		kgo.SeedBrokers(a.Seeds...),
		kgo.ClientID(clientID),
		kgo.Dialer(l.dial),
	}
	if s := a.SASL; s != nil {
		switch s.Mechanism {
		case "PLAIN":
			opts = append(opts, kgo.SASL(plain.Auth{User: s.User, Pass: s.Password}.AsMechanism()))
		case "SCRAM-SHA-256":
			opts = append(opts, kgo.SASL(scram.Auth{User: s.User, Pass: s.Password}.AsSha256Mechanism()))
		case "SCRAM-SHA-512":
			opts = append(opts, kgo.SASL(scram.Auth{User: s.User, Pass: s.Password}.AsSha512Mechanism()))
		default:
			return nil, nil, fmt.Errorf("SASL mechanism %q is not known: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
		}
	}
	cl, err := kgo.NewClient(append(opts, extra...)...)
	return cl, l, err
}
