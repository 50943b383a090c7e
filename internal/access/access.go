// Package access says how a cluster is reached: addresses, TLS and credentials, as they
// travel to workers. It opens no connection.
package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/kbench/kbench/drivers"
)

// Access is all that a client needs to reach a cluster. It travels to the workers
// through their standard input and holds credentials: it is never written to a
// file or a log, and prints without them.
type Access struct {
	Seeds []string      `json:"seeds"`
	TLS   *TLSFiles     `json:"tls,omitempty"`
	SASL  *drivers.SASL `json:"sasl,omitempty"`
}

// TLSFiles holds the contents, not the paths, of TLS files in PEM: a worker may
// be on another host.
type TLSFiles struct {
	CA         []byte `json:"ca,omitempty"` // empty: the system's authorities
	Cert       []byte `json:"cert,omitempty"`
	Key        []byte `json:"key,omitempty"`
	ServerName string `json:"server_name,omitempty"` // empty: the host that is dialled
	Insecure   bool   `json:"insecure,omitempty"`    // the broker's certificate is not checked
}

// String says how the cluster is reached, without credentials.
func (a Access) String() string {
	s := strings.Join(a.Seeds, ",")
	if a.TLS != nil {
		s += " over TLS"
	}
	if a.SASL != nil {
		s += " with " + a.SASL.Mechanism
	}
	return s
}

// GoString is String: %#v must not print credentials either.
func (a Access) GoString() string { return a.String() }

// TLSConfig returns the client's side of TLS, or nil for a cluster without it.
// Its ServerName is empty unless one was asked for: whoever dials sets it to the
// host.
func (a Access) TLSConfig() (*tls.Config, error) {
	if a.TLS == nil {
		return nil, nil
	}
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         a.TLS.ServerName,
		InsecureSkipVerify: a.TLS.Insecure,
	}
	if len(a.TLS.CA) > 0 {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(a.TLS.CA) {
			return nil, errors.New("tls: ca holds no certificate in PEM form")
		}
	}
	if (len(a.TLS.Cert) > 0) != (len(a.TLS.Key) > 0) {
		return nil, errors.New("tls: cert and key belong together: give both or neither")
	}
	if len(a.TLS.Cert) > 0 {
		pair, err := tls.X509KeyPair(a.TLS.Cert, a.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("tls: cert and key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
