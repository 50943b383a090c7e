package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/launch"
)

func TestOptionsRefused(t *testing.T) {
	f := func(o Options, want ...string) {
		t.Helper()
		_, err := o.normal()
		if err == nil {
			t.Errorf("%+v was accepted", o)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
	}
	f(Options{}, `broker "" is not known`, "embedded, kafka or attached")
	f(Options{Kind: "redis"}, `"redis"`)
	f(Options{Kind: Embedded, Version: "4.0.0", Heap: "1g", Brokers: []string{"a:1"}}, "version", "heap", "brokers")
	f(Options{Kind: Embedded, ConfigFile: "x"}, "connection file")
	f(Options{Kind: Kafka, Blackhole: true}, "dropping")
	f(Options{Kind: Kafka, Nodes: 99}, "1 to 9")
	f(Options{Kind: Kafka, Nodes: -1}, "1 to 9")
	f(Options{Kind: Kafka, Security: Security{SASL: "GSSAPI"}}, "GSSAPI", "SCRAM-SHA-512")
	f(Options{Kind: Embedded, Security: Security{SASL: "PLAIN", User: "a b"}}, `"a b"`)
	f(Options{Kind: Embedded, Security: Security{User: "u"}}, "without SASL")
	f(Options{Kind: Attached}, "--brokers")
	f(Options{Kind: Attached, Brokers: []string{"a:1"}, Nodes: 3, Props: map[string]string{"a": "b"}, Security: Security{TLS: true}}, "nodes", "properties", "security")
}

func TestOptionsDefaults(t *testing.T) {
	o, err := Options{Kind: Kafka}.normal()
	if err != nil || o.Nodes != 3 || o.Heap != "256m" {
		t.Errorf("%+v, %v: want 3 nodes of 256m", o, err)
	}
	if o, err = (Options{Kind: Embedded, Nodes: 1}).normal(); err != nil || o.Nodes != 1 || o.Heap != "" {
		t.Errorf("%+v, %v: want 1 node and no heap", o, err)
	}
}

// Access holds credentials and is part of messages that may be printed.
func TestAccessPrintsNoCredentials(t *testing.T) {
	a := Access{
		Seeds: []string{"h:9092"},
		TLS:   &TLSFiles{Key: []byte("hush-key")},
		SASL:  &drivers.SASL{Mechanism: "PLAIN", User: "hush-user", Password: "hush-password"},
	}
	holder := struct {
		Name   string
		Access Access
	}{"job", a}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, x := range []any{a, &a, holder} {
			if s := fmt.Sprintf(verb, x); strings.Contains(s, "hush") {
				t.Errorf("%s prints %s", verb, s)
			}
		}
	}
	if got, want := a.String(), "h:9092 over TLS with PLAIN"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTLSConfig(t *testing.T) {
	ca, id, err := newIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := (Access{}).TLSConfig(); c != nil || err != nil {
		t.Errorf("without TLS: %v, %v", c, err)
	}
	c, err := Access{TLS: &TLSFiles{CA: ca, Cert: id.cert, Key: id.key, ServerName: "n"}}.TLSConfig()
	if err != nil || len(c.Certificates) != 1 || c.RootCAs == nil || c.ServerName != "n" {
		t.Errorf("with everything: %+v, %v", c, err)
	}
	for want, files := range map[string]*TLSFiles{
		"ca holds no certificate": {CA: []byte("no PEM")},
		"belong together":         {Cert: id.cert},
		"cert and key":            {Cert: id.cert, Key: ca},
	} {
		if _, err := (Access{TLS: files}).TLSConfig(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one that says %q", err, want)
		}
	}
}

// environ answers with pairs of a name and its value.
func environ(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// attachedFiles is a directory with a CA, which is returned too, and one that is
// none.
func attachedFiles(t *testing.T) (dir string, ca []byte) {
	t.Helper()
	ca, _, err := newIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	inDir(t, dir, "ca.pem", string(ca))
	inDir(t, dir, "bad.pem", "no certificate")
	return dir, ca
}

func inDir(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAttachedAccess(t *testing.T) {
	dir, ca := attachedFiles(t)
	f := func(text string, want Access, pairs ...string) {
		t.Helper()
		got, err := AttachedAccess([]string{"h:1"}, inDir(t, dir, "c.yaml", text), environ(pairs...))
		want.Seeds = []string{"h:1"}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", text, err, diff)
		}
	}
	plain := &drivers.SASL{Mechanism: "PLAIN", User: "u", Password: "p"}
	f("", Access{})
	f("tls: {}", Access{TLS: &TLSFiles{}})
	f("tls: {ca: ca.pem, server_name: n, insecure: true}", Access{TLS: &TLSFiles{CA: ca, ServerName: "n", Insecure: true}})
	f("sasl: {mechanism: PLAIN, user: u, password: p}", Access{SASL: plain})
	f("\ufeffsasl: {mechanism: PLAIN, user: u, password: 007}", Access{SASL: &drivers.SASL{Mechanism: "PLAIN", User: "u", Password: "007"}})
	f("sasl: {mechanism: PLAIN, user: u, password: p}", Access{SASL: &drivers.SASL{Mechanism: "SCRAM-SHA-256", User: "e", Password: "p"}},
		"KBENCH_SASL_USER", "e", "KBENCH_SASL_MECHANISM", "SCRAM-SHA-256")
	a, err := AttachedAccess(nil, "", environ("KBENCH_SASL_USER", "u", "KBENCH_SASL_PASSWORD", "p", "KBENCH_SASL_MECHANISM", "PLAIN"))
	if err != nil || a.SASL == nil || *a.SASL != *plain {
		t.Errorf("the environment alone gives %v, %v", a, err)
	}
}

func TestAttachedAccessRefuses(t *testing.T) {
	dir, _ := attachedFiles(t)
	f := func(text string, want ...string) {
		t.Helper()
		_, err := AttachedAccess(nil, inDir(t, dir, "c.yaml", text), environ())
		if err == nil {
			t.Errorf("%q was accepted", text)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("%q gives the password away", err)
		}
	}
	f("tls: {keystore: x}", "c.yaml:1:7: tls.keystore: is not a field; there are ca, cert, insecure, key, server_name")
	f("- hush\n- hush\n", "c.yaml:1:1: a list of 2 stands where there should be fields; write some of sasl, tls")
	f("sasl: hush", "c.yaml:1:7: sasl: a text stands where there should be fields; write some of mechanism, password, user")
	f("tls:\n", "c.yaml:1:1: tls: nothing stands where there should be fields")
	f("sasl:\n  user: u\n  password: [hush]\n", "c.yaml:3:13: sasl.password: a list of 1 is not text; write it in quotes")
	f("tls: {insecure: hush}", "c.yaml:1:17: tls.insecure: a text is not a truth value; write true or false")
	f("sasl: {user: \xff}", "c.yaml:1:14: this is not UTF-8")
	f("x: "+strings.Repeat("[", 1000), "more than 32 deep")
	f(strings.Repeat("#", 70_000), "it has 70000 bytes, and at most 65536 are read")
	f("tls: {ca: /dev/zero}", "/dev/zero: it is a device, not a regular file")
	f("tls: {ca: none.pem}", "none.pem")
	f("tls: {ca: bad.pem}", "no certificate")
	f("tls: {cert: ca.pem}", "belong together")
	f("sasl: {mechanism: PLAIN, user: u}", "KBENCH_SASL_PASSWORD")
	f("sasl: {mechanism: OAUTH, user: u, password: hush}", "SCRAM-SHA-512")
	f("sasl: {}", "a user", "a password", "a mechanism")
	f("sasl: {user: u, password: hush\n  x: [", "c.yaml")
	f("sasl:\n  password: hush\n  passwort: hush\n", "passwort")
	if _, err := AttachedAccess(nil, filepath.Join(dir, "none.yaml"), environ()); err == nil {
		t.Error("a file that is not there was accepted")
	}
}

// The connection file of a cluster that kbench started leads to that cluster.
func TestFileConfigRoundTrip(t *testing.T) {
	access, _, err := Security{TLS: true, SASL: "PLAIN", User: "u", Password: `p: "#'`}.secure()
	if err != nil {
		t.Fatal(err)
	}
	dir, path, err := writeFileConfig(access)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Remove()
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want a file for this user alone", fi.Mode(), err)
	}
	got, err := AttachedAccess(nil, path, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	if *got.SASL != *access.SASL || string(got.TLS.CA) != string(access.TLS.CA) {
		t.Errorf("read %v, want what was written", got)
	}
}

func TestAttach(t *testing.T) {
	started := start(t, Options{Kind: Embedded, Nodes: 2})
	c, err := Start(deadline(t), Options{Kind: Attached, Brokers: started.Access().Seeds}, launch.Local{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	i := c.Info()
	if i.Kind != Attached || i.Nodes != 2 || i.Version == "" || !strings.Contains(i.Title, "attached") || len(c.PIDs()) != 0 {
		t.Errorf("attached to %+v with processes %v", i, c.PIDs())
	}
	if err := c.TakeLease(deadline(t), testRun, LeaseEvery); err != nil {
		t.Fatal(err)
	}
	exercise(t, c)
	if err := c.EndLease(deadline(t), false); err != nil {
		t.Error(err)
	}
	if topics, groups, err := started.Alike(deadline(t)); err != nil || len(topics)+len(groups) > 0 {
		t.Errorf("left after the lease: %v %v, %v", topics, groups, err)
	}
	if _, err := started.CreateTopic(deadline(t), "precious", 1, 1); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(deadline(t)); err != nil {
		t.Error(err)
	}
	if _, err := started.EndOffsets(deadline(t), "precious"); err != nil {
		t.Errorf("the cluster ended with the one attached to it: %v", err)
	}
}

func TestAttachUnreachable(t *testing.T) {
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(deadline(t), Options{Kind: Attached, Brokers: []string{address(ports[0])}}, launch.Local{}, nil)
	if err == nil {
		t.Fatal("attached to nothing")
	}
	for _, want := range []string{address(ports[0]), "connection refused", "--brokers"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestStartFailures(t *testing.T) {
	f := func(self []string, o Options, want string) {
		t.Helper()
		if _, err := Start(context.Background(), o, launch.Local{}, self); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one that says %q", err, want)
		}
	}
	f(nil, Options{Kind: Embedded}, "no command")
	f([]string{"/bin/true"}, Options{Kind: Embedded}, "exited 0")
	f([]string{"/nonexistent/kbench"}, Options{Kind: Embedded}, "/nonexistent/kbench")
	f(self(), Options{Kind: Embedded, Props: map[string]string{"no.such.thing": "1"}}, "has no property no.such.thing")
	f(self(), Options{Kind: Embedded, Props: map[string]string{"message.max.bytes": "many"}}, "message.max.bytes=many")
	f(self(), Options{Kind: Embedded, Props: map[string]string{maxIdle: "1s"}}, "connections.max.idle.ms=1s: write milliseconds")
}

func TestKafkaTitle(t *testing.T) {
	o := Options{Nodes: 3, Props: map[string]string{"b": "2", "a": "1"}}
	if got, want := kafkaTitle("4.3.1", o), "Apache Kafka 4.3.1, 3 nodes, a=1, b=2"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
