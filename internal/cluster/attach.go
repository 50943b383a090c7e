package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/regular"
	"github.com/kbench/kbench/internal/scratch"
	"github.com/kbench/kbench/results"
)

// FileConfig is the connection file of an attached cluster, strict YAML:
//
//	tls:  {ca: ca.pem, cert: client.pem, key: client.key, server_name: kafka.example, insecure: false}
//	sasl: {mechanism: SCRAM-SHA-512, user: bench, password: secret}
//
// Paths are relative to the file. `tls: {}` is TLS with the authorities of the
// system. The environment wins over the sasl part, so that the file need not hold
// a password: KBENCH_SASL_MECHANISM, KBENCH_SASL_USER, KBENCH_SASL_PASSWORD.
type FileConfig struct {
	TLS  *FileTLS      `yaml:"tls,omitempty"`
	SASL *drivers.SASL `yaml:"sasl,omitempty"`
}

// FileTLS is the tls part of a connection file.
type FileTLS struct {
	CA         string `yaml:"ca,omitempty"`
	Cert       string `yaml:"cert,omitempty"`
	Key        string `yaml:"key,omitempty"`
	ServerName string `yaml:"server_name,omitempty"`
	Insecure   bool   `yaml:"insecure,omitempty"`
}

// mostPEM is more than all the authorities of a system take.
const mostPEM = 1 << 20

// connectTimeout is how long an attached cluster is given to answer first.
const connectTimeout = 15 * time.Second

func attach(ctx context.Context, o Options) (*Cluster, error) {
	access, err := AttachedAccess(o.Brokers, o.ConfigFile, os.Getenv)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	info, classicOnly, err := identify(ctx, access)
	if err != nil {
		return nil, fmt.Errorf("attach to %s: %w", access, refused(err, access))
	}
	a, err := newAdmin(access)
	if err != nil {
		return nil, fmt.Errorf("attach to %s: %w", access, err)
	}
	a.classicOnly = classicOnly
	info.Title = "attached cluster, " + nodeCount(info.Nodes)
	if info.Version != "" {
		info.Title = fmt.Sprintf("attached cluster (speaks as Kafka %s), %s", info.Version, nodeCount(info.Nodes))
	}
	if access.SASL != nil {
		info.SASL = access.SASL.Mechanism
	}
	return &Cluster{access: access, info: info, internal: a, died: make(chan error)}, nil
}

// refused adds to the error of a cluster that did not let us in what to look at. A
// broker that is shown a wrong password says so or, as some do, hangs up.
func refused(err error, a Access) error {
	var early *kgo.ErrFirstReadEOF
	switch hungUp := errors.Is(err, io.EOF); {
	case err == nil:
		return nil
	case a.SASL != nil && (hungUp && !errors.As(err, &early) || errors.Is(err, kerr.SaslAuthenticationFailed)):
		return fmt.Errorf("it did not accept the password of user %q with %s: one of the three is wrong (%w)", a.SASL.User, a.SASL.Mechanism, err)
	case a.SASL == nil && hungUp:
		return fmt.Errorf("it hung up, as a cluster does that wants TLS or SASL: say which with --brokers-config (%w)", err)
	default:
		return fmt.Errorf("%w; check --brokers, and the connection file if the cluster wants TLS or SASL", err)
	}
}

// identify asks an attached cluster what it is, as far as it can be asked; the
// version is guessed from the requests that it knows and may be empty. A cluster
// that is classicOnly is too old for the groups of KIP-848. One that cannot be
// reached, or refuses, is not asked again and again: the first answer is the useful
// one.
func identify(ctx context.Context, access Access) (info results.Broker, classicOnly bool, err error) {
	info = results.Broker{Kind: Attached, TLS: access.TLS != nil}
	a, err := newAdmin(access, kgo.RequestRetries(1))
	if err != nil {
		return info, false, err
	}
	defer a.close()
	ids, err := a.brokers(ctx)
	if err != nil {
		return info, false, err
	}
	info.Nodes = len(ids)
	versions, err := a.ApiVersions(ctx)
	if err != nil {
		return info, false, err
	}
	for _, v := range versions {
		if v.Err != nil {
			return info, false, fmt.Errorf("broker %d: %w", v.NodeID, v.Err)
		}
		info.Version = strings.TrimPrefix(v.VersionGuess(), "v")
		_, known := v.KeyMaxVersion(kmsg.ConsumerGroupDescribe.Int16())
		classicOnly = classicOnly || !known
	}
	return info, classicOnly, nil
}

// Seeds are addresses one by one, of a list whose items may hold several with commas.
func Seeds(brokers []string) (seeds []string) {
	for _, some := range brokers {
		for addr := range strings.SplitSeq(some, ",") {
			seeds = append(seeds, strings.TrimSpace(addr))
		}
	}
	return seeds
}

// AttachedAccess is the Access of a cluster of the user's own: its addresses, its
// connection file (which may be empty) and the environment.
func AttachedAccess(brokers []string, file string, getenv func(string) string) (Access, error) {
	access := Access{Seeds: Seeds(brokers)}
	var conf FileConfig
	var err error
	if file != "" {
		if conf, err = readFileConfig(file); err != nil {
			return access, fmt.Errorf("connection file %w", err)
		}
	}
	if t := conf.TLS; t != nil {
		files, err := t.load(file)
		if err != nil {
			return access, fmt.Errorf("connection file %s: tls: %w", file, err)
		}
		access.TLS = files
		if _, err := access.TLSConfig(); err != nil {
			return access, fmt.Errorf("connection file %s: %w", file, err)
		}
	}
	access.SASL, err = withEnvironment(conf.SASL, getenv)
	return access, err
}

// Exposed names what of a connection file is secret and may be read by others
// than its owner: itself where it has the password, and its key.
func Exposed(file string) (paths []string) {
	if file == "" {
		return nil
	}
	conf, err := readFileConfig(file)
	if err != nil {
		return nil // which is said elsewhere
	}
	if conf.SASL != nil && conf.SASL.Password != "" {
		paths = append(paths, file)
	}
	if conf.TLS != nil && conf.TLS.Key != "" {
		paths = append(paths, beside(file, conf.TLS.Key))
	}
	return slices.DeleteFunc(paths, func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || info.Mode().Perm()&0o077 == 0
	})
}

// beside is a path that a connection file has, relative to it.
func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

func (t *FileTLS) load(file string) (*TLSFiles, error) {
	files := &TLSFiles{ServerName: t.ServerName, Insecure: t.Insecure}
	for _, f := range []struct {
		path string
		into *[]byte
	}{{t.CA, &files.CA}, {t.Cert, &files.Cert}, {t.Key, &files.Key}} {
		if f.path == "" {
			continue
		}
		text, err := regular.Read(beside(file, f.path), mostPEM)
		if err != nil {
			return nil, err
		}
		*f.into = text
	}
	return files, nil
}

// withEnvironment is the sasl part after the environment had its say; nil where
// neither names any.
func withEnvironment(s *drivers.SASL, getenv func(string) string) (*drivers.SASL, error) {
	var c drivers.SASL
	if s != nil {
		c = *s
	}
	for _, v := range []struct {
		name string
		into *string
	}{
		{"KBENCH_SASL_MECHANISM", &c.Mechanism},
		{"KBENCH_SASL_USER", &c.User},
		{"KBENCH_SASL_PASSWORD", &c.Password},
	} {
		if value := getenv(v.name); value != "" {
			*v.into = value
		}
	}
	if s == nil && c == (drivers.SASL{}) {
		return nil, nil
	}
	var missing []string
	if c.User == "" {
		missing = append(missing, "a user (sasl.user or KBENCH_SASL_USER)")
	}
	if c.Password == "" {
		missing = append(missing, "a password (sasl.password or KBENCH_SASL_PASSWORD)")
	}
	if !slices.Contains(mechanisms(), c.Mechanism) {
		missing = append(missing, "a mechanism that is one of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 (sasl.mechanism or KBENCH_SASL_MECHANISM)")
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("sasl: missing %s", strings.Join(missing, ", "))
	}
	return &c, nil
}

// writeFileConfig writes a connection file for a cluster that was started with
// security, readable by this user alone, in a directory of its own.
func writeFileConfig(a Access) (dir *scratch.Dir, path string, err error) {
	if dir, err = scratch.New(os.TempDir(), "connection"); err != nil {
		return nil, "", fmt.Errorf("write the connection file: %w", err)
	}
	conf := FileConfig{SASL: a.SASL}
	if a.TLS != nil {
		conf.TLS = &FileTLS{CA: "ca.pem"}
		err = os.WriteFile(filepath.Join(dir.Path, conf.TLS.CA), a.TLS.CA, 0o600)
	}
	path = filepath.Join(dir.Path, "connection.yaml")
	if err == nil {
		var text []byte
		if text, err = yaml.Marshal(conf); err == nil {
			err = os.WriteFile(path, text, 0o600)
		}
	}
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("write the connection file: %w", err), dir.Remove())
	}
	return dir, path, nil
}
