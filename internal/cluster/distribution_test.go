package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
)

// script makes an executable that stands in for a program.
func script(t *testing.T, dir, name, body string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// machine is a made-up machine: a directory, and its environment.
type machine struct {
	dir string
	env map[string]string
}

func (m machine) getenv(name string) string { return m.env[name] }

// newMachine has the Java and the Maven that scripts say.
func newMachine(t *testing.T, java, mvn string) machine {
	m := machine{dir: t.TempDir(), env: map[string]string{}}
	t.Setenv("XDG_CACHE_HOME", m.dir)
	m.env["JAVA_HOME"] = filepath.Join(m.dir, "jdk")
	m.env["MAVEN_HOME"] = filepath.Join(m.dir, "maven")
	if java != "" {
		script(t, filepath.Join(m.dir, "jdk", "bin"), "java", java)
	}
	if mvn != "" {
		script(t, filepath.Join(m.dir, "maven", "bin"), "mvn", mvn)
	}
	return m
}

func (m machine) find(o Options) (distribution, error) {
	return findDistribution(context.Background(), o, m.getenv)
}

const (
	java21  = `echo 'openjdk version "21.0.4" 2024-07-16' >&2`
	java8   = `echo 'java version "1.8.0_402"' >&2`
	goodMvn = `for a; do case $a in -DoutputDirectory=*) mkdir -p "${a#*=}"; echo x >> "${a#*=}/a.jar";; esac; done; echo "$@" >> "$(dirname "$0")/calls"`
	badMvn  = "echo '[ERROR] no such artifact'; echo '[ERROR] -> [Help 1]'; exit 1"
)

func TestMissingTools(t *testing.T) {
	f := func(m machine, o Options, want ...string) {
		t.Helper()
		_, err := m.find(o)
		if err == nil {
			t.Errorf("found a distribution; want an error that says %q", want)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is not one line", err)
		}
	}
	f(newMachine(t, "", goodMvn), Options{}, "no Java", "install a JDK 17", "--broker embedded works without")
	f(newMachine(t, java8, goodMvn), Options{}, "Java 1.8.0_402", "17", "--broker embedded works without")
	f(newMachine(t, "exit 1", goodMvn), Options{}, "-version", "exited 1")
	f(newMachine(t, java21, ""), Options{}, "no Maven", "install Maven", "KAFKA_HOME", "--broker embedded works without")
	f(newMachine(t, java21, badMvn), Options{Version: "4.9.9"}, "4.9.9", "no such artifact", "--broker embedded works without")
	f(newMachine(t, java21, goodMvn), Options{Version: "3.9.0"}, "too old", "4.0.0")
	f(newMachine(t, java21, goodMvn), Options{Version: "../x"}, "../x", "write it as")

	home := newMachine(t, java21, goodMvn)
	home.env["KAFKA_HOME"] = filepath.Join(home.dir, "kafka")
	f(home, Options{}, "KAFKA_HOME", "holds no jars")
	libs := filepath.Join(home.dir, "kafka", "libs")
	if err := os.MkdirAll(libs, 0o755); err != nil {
		t.Fatal(err)
	}
	f(home, Options{}, "no kafka-clients jar")
	if err := os.WriteFile(filepath.Join(libs, "kafka-clients-4.2.0.jar"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f(home, Options{Version: "4.3.1"}, "4.2.0", "4.3.1 is wanted")
	if d, err := home.find(Options{}); err != nil || d.version != "4.2.0" || d.libs != libs || d.javaVersion != "21.0.4" {
		t.Errorf("%+v, %v: want what KAFKA_HOME holds", d, err)
	}
}

func TestMavenIsAskedOnce(t *testing.T) {
	m := newMachine(t, java21, goodMvn)
	found := make(chan distribution)
	for range 3 {
		go func() {
			d, err := m.find(Options{Version: "4.1.0"})
			if err != nil {
				t.Error(err)
			}
			found <- d
		}()
	}
	for range 3 {
		d := <-found
		// The stand-in for Maven appends: asked twice, the file would say x twice.
		if jar, err := os.ReadFile(filepath.Join(d.libs, "a.jar")); string(jar) != "x\n" {
			t.Errorf("the jar holds %q, %v", jar, err)
		}
	}
	calls, err := os.ReadFile(filepath.Join(m.dir, "maven", "bin", "calls"))
	if err != nil || strings.Count(string(calls), "\n") != 1 || !strings.Contains(string(calls), "-Dkafka.version=4.1.0") {
		t.Errorf("Maven was called with %q, %v; want once, with the version", calls, err)
	}
	left, _ := filepath.Glob(filepath.Join(m.dir, "kbench", "kafka", ".fetch-*"))
	if len(left) > 0 {
		t.Errorf("left in the cache: %v", left)
	}
}

// A start that fetches has the time for it, and only such a start has.
func TestFetchIsAllowedItsTime(t *testing.T) {
	m := newMachine(t, java21, goodMvn)
	var allowed []time.Duration
	o := Options{Version: "4.1.0", allow: func(d time.Duration) { allowed = append(allowed, d) }}
	for range 2 { // the second finds what the first has fetched
		if _, err := m.find(o); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(allowed, []time.Duration{fetchLimit}) {
		t.Errorf("allowed %v", allowed)
	}
}

// What Maven left half done is not taken for the whole.
func TestFailedFetchLeavesNothing(t *testing.T) {
	m := newMachine(t, java21, strings.Replace(goodMvn, "done;", "done; exit 1;", 1))
	if _, err := m.find(Options{}); err == nil {
		t.Fatal("a failed fetch was taken")
	}
	entries, err := os.ReadDir(filepath.Join(m.dir, "kbench", "kafka"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".lock" {
			t.Errorf("%s is left in the cache", e.Name())
		}
	}
}

func TestLockWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := lock(done, path); !errors.Is(err, context.Canceled) {
		t.Errorf("a lock that is held: %v", err)
	}
	unlock()
	again, err := lock(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestServerProperties(t *testing.T) {
	access := Access{TLS: &TLSFiles{}, SASL: &drivers.SASL{Mechanism: "PLAIN", User: "u", Password: `a"b\c`}}
	l := layout{dir: t.TempDir(), nodes: 2, ports: []int{1, 2, 3, 4, 5, 6}, access: access, props: map[string]string{"num.io.threads": "2", "auto.create.topics.enable": "true"}}
	if err := l.write(&identity{cert: []byte("cert\n"), key: []byte("key\n")}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(l.properties(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"node.id=2", "listeners=CLIENT://127.0.0.1:4,INTERNAL://127.0.0.1:5,CONTROLLER://127.0.0.1:6",
		"controller.quorum.voters=1@127.0.0.1:3,2@127.0.0.1:6",
		"listener.security.protocol.map=CLIENT:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"offsets.topic.replication.factor=2", "num.io.threads=2", "auto.create.topics.enable=true",
		`PlainLoginModule required user_u="a\\"b\\\\c";`, // quoted for JAAS, then for the file
	} {
		if !slices.Contains(strings.Split(string(text), "\n"), want) && !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	for _, secret := range []string{l.properties(0), l.keystore()} {
		if fi, err := os.Stat(secret); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want a file for this user alone", secret, fi.Mode(), err)
		}
	}
	if got, want := l.seeds(), []string{"127.0.0.1:1", "127.0.0.1:4"}; !slices.Equal(got, want) {
		t.Errorf("seeds %v, want %v", got, want)
	}
	l.props = map[string]string{"node.id": "7"}
	if err := l.write(nil); err == nil || !strings.Contains(err.Error(), "node.id cannot be set") {
		t.Errorf("node.id was taken: %v", err)
	}
}

func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := newID()
		if len(id) != 22 || id[0] == '-' || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

func TestFreePortsDiffer(t *testing.T) {
	ports, err := freePorts(20)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ports)
	if n := len(slices.Compact(ports)); n != 20 {
		t.Errorf("%d different ports of 20", n)
	}
}

// A start that loses the race for a port begins again with others.
func TestKafkaPortTaken(t *testing.T) {
	needKafka(t)
	ctx := deadline(t)
	o, err := Options{Kind: Kafka, Nodes: 1}.normal()
	if err != nil {
		t.Fatal(err)
	}
	dist, err := findDistribution(ctx, o, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	unlucky := func(times int) (choose func(int) ([]int, error), tries *int) {
		tries = new(int)
		return func(n int) ([]int, error) {
			ports, err := freePorts(n)
			if *tries++; *tries <= times {
				ports[0] = taken.Addr().(*net.TCPAddr).Port
			}
			return ports, err
		}, tries
	}
	t.Setenv("TMPDIR", t.TempDir())
	choose, tries := unlucky(1)
	k, err := startDistribution(ctx, o, dist, choose)
	if err != nil {
		t.Fatal(err)
	}
	if *tries < 2 { // more where somebody else took a port in the meantime
		t.Errorf("started at try %d, want 2", *tries)
	}
	if err := k.stop(); err != nil {
		t.Error(err)
	}
	choose, tries = unlucky(portTries)
	if _, err := startDistribution(ctx, o, dist, choose); !errors.Is(err, errPortTaken) || *tries != portTries {
		t.Errorf("%v after %d tries; want a port that is taken after %d", err, *tries, portTries)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left in the temporary directory: %v", left)
	}
}

func TestParseJavaVersion(t *testing.T) {
	for text, want := range map[string]string{
		`openjdk version "17.0.15" 2025-04-15`: "17.0.15 17",
		`java version "1.8.0_402"`:             "1.8.0_402 1",
		`openjdk version "25" 2025-09-16`:      "25 25",
		`something else`:                       "of an unknown version 0",
	} {
		version, major := parseJavaVersion(text)
		if got := fmt.Sprint(version, " ", major); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}
