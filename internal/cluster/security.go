package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/kbench/kbench/drivers"
)

// identity is what a broker shows: its certificate chain and key, in PEM.
type identity struct {
	cert, key []byte
}

// secure makes what the security of a listener needs: the client's side as an
// Access without addresses, and the broker's identity where it speaks TLS.
func (s Security) secure() (Access, *identity, error) {
	var a Access
	if s.SASL != "" {
		a.SASL = &drivers.SASL{Mechanism: s.SASL, User: s.User, Password: s.Password}
		if a.SASL.User == "" {
			a.SASL.User = "kbench"
		}
		if a.SASL.Password == "" {
			a.SASL.Password = rand.Text()
		}
	}
	if !s.TLS {
		return a, nil, nil
	}
	ca, id, err := newIdentity(time.Now())
	if err != nil {
		return a, nil, fmt.Errorf("make the broker's certificate: %w", err)
	}
	a.TLS = &TLSFiles{CA: ca}
	return a, id, nil
}

// newIdentity makes a certificate authority that is forgotten at once, and a
// certificate of it for this host's loopback names.
func newIdentity(now time.Time) (ca []byte, id *identity, err error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	caCert := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "kbench cluster authority"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(30 * 24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, caCert, caCert, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "kbench broker"},
		NotBefore:    caCert.NotBefore,
		NotAfter:     caCert.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, caCert, &key.PublicKey, caKey)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	chain := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), ca...)
	return ca, &identity{cert: chain, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})}, nil
}
