package conduct_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// A cluster with TLS and SCRAM is driven by every client like any other, the tap
// reads what TLS hides from others, and what is secret stays out of the run
// directory.
func TestTLSAndSCRAM(t *testing.T) {
	brokers(t, func(t *testing.T, kind string) {
		const password = "correct horse battery staple 7"
		producing := short("produce-rate")
		producing.Consume.Members = 0
		specs := []workloads.Spec{short("end-to-end"), producing}
		for i := range specs {
			specs[i].Phases.Measure = 2 * time.Second
		}
		dir, tmp := t.TempDir(), t.TempDir()
		o := options(t.Name(), dir, trials(specs, clients[:]...))
		o.Launcher = &spy{brokerTmp: tmp}
		o.Broker.Kind = kind
		o.Broker.Security = cluster.Security{TLS: true, SASL: "SCRAM-SHA-512", User: "bench", Password: password}
		var keys [][]byte
		o.Progress = &hook{workload: "produce-rate", measuring: func() { keys = append(keys, privateKeys(t, tmp)...) }}
		got, err := run(t, bounded(t), o)
		if err != nil {
			t.Error(err)
		}
		got.wantStates(t, "complete", "complete", "complete", "complete", "complete", "complete")
		if b := got.dir.Run().Broker; !b.TLS || b.SASL != "SCRAM-SHA-512" {
			t.Errorf("the run was on %+v", b)
		}
		for _, tr := range got.trials {
			got.wantFigures(t, tr.Ref.N)
			tapped(t, got, tr)
		}
		if kind == cluster.Kafka && len(keys) == 0 {
			t.Error("the broker's private key was not found where it keeps it, so nothing can be said about it")
		}
		for _, found := range leaks(t, dir, password, keys) {
			t.Error(found)
		}
	})
}

// tapped checks that the tap of every worker read Kafka and not ciphertext.
func tapped(t *testing.T, o *outcome, tr *results.Trial) {
	t.Helper()
	for _, w := range tr.Workers {
		if w.Role == "readback" {
			continue // no client under test, no tap
		}
		var produced, fetched, joined, unknown int
		err := record.ReadEvents(filepath.Join(o.dir.WorkerPath(tr.Ref, w.Name), results.EventsFile), func(e record.Event) error {
			unknown += e.Unknown
			switch {
			case e.K == record.EvProduce && e.Acks != nil && *e.Acks == -1 && len(e.Batches) > 0:
				produced++
			case e.K == record.EvFetch && e.MaxWaitMs != nil && *e.MaxWaitMs == 250:
				fetched++
			case e.K == record.EvRequest && e.API == kmsg.JoinGroup.Int16() && e.SessionMs == 10_000:
				joined++
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		who := fmt.Sprintf("%s of %s in %s", w.Name, w.Client, tr.Ref.Workload)
		if unknown > 0 {
			t.Errorf("%s: %d frames could not be read", who, unknown)
		}
		if w.Role == "producer" && produced == 0 {
			t.Errorf("%s: no sample of a produce request with its acks", who)
		}
		if w.Role == "consumer" && (fetched == 0 || joined == 0) {
			t.Errorf("%s: %d samples of fetches and %d joins with their settings", who, fetched, joined)
		}
	}
}

// privateKeys are those that a broker keeps in its directory below dir. The rest
// of what is there changes while the broker runs.
func privateKeys(t *testing.T, dir string) (keys [][]byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.pem"))
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Error(err)
		}
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if block.Type == "PRIVATE KEY" {
				keys = append(keys, block.Bytes)
			}
		}
	}
	return keys
}

// scramTalk is what client and broker say to each other under SCRAM: nonce, salt
// and iterations, proof, and the broker's signature.
var scramTalk = regexp.MustCompile(`r=[^,\s]+,s=[A-Za-z0-9+/]+=*,i=\d+|c=[A-Za-z0-9+/]+=*,r=[^,\s]+,p=|n,,n=[^,]*,r=`)

// leaks looks for secrets in all files below a directory, in the forms in which
// they might get there.
func leaks(t *testing.T, dir, password string, keys [][]byte) (found []string) {
	t.Helper()
	secrets := map[string][]byte{
		"the password":           []byte(password),
		"the password in base64": []byte(base64.StdEncoding.EncodeToString([]byte(password))),
		"the password in hex":    []byte(hex.EncodeToString([]byte(password))),
		"a private key in PEM":   []byte("PRIVATE KEY"),
	}
	for i, key := range keys {
		secrets[fmt.Sprintf("private key %d", i)] = key
		// A line of PEM, however it is wrapped.
		secrets[fmt.Sprintf("private key %d in base64", i)] = []byte(base64.StdEncoding.EncodeToString(key)[60:100])
	}
	files := 0
	eachFile(t, dir, func(path string, text []byte) {
		files++
		for what, secret := range secrets {
			if bytes.Contains(text, secret) {
				found = append(found, what+" is in "+path)
			}
		}
		if s := scramTalk.Find(text); s != nil {
			found = append(found, fmt.Sprintf("a message of SCRAM is in %s: %.60q", path, s))
		}
	})
	if files == 0 {
		t.Errorf("%s holds no file to look into", dir)
	}
	return found
}

func eachFile(t *testing.T, dir string, look func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		look(path, text)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// What the search finds nothing of above, it finds where it is.
func TestLeaksAreFound(t *testing.T) {
	const password = "correct horse battery staple 7"
	key := bytes.Repeat([]byte("key material "), 12)
	inPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: key})
	for name, text := range map[string]string{
		"password": `{"sasl":{"Password":"` + password + `"}}`,
		"base64":   base64.StdEncoding.EncodeToString([]byte(password)),
		"hex":      hex.EncodeToString([]byte(password)),
		"marker":   "-----BEGIN EC PRIVATE KEY-----",
		"key":      "bytes " + string(key),
		"wrapped":  base64.StdEncoding.EncodeToString(key),
		"first":    "n,,n=bench,r=fyko+d2lbbFgONRv9qkxdawL",
		"salt":     "read r=fyko+d2lbbFg,s=QSXCR+Q6sek8bf92,i=4096",
		"proof":    "c=biws,r=fyko+d2lbbFg,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "log.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if len(leaks(t, dir, password, [][]byte{key})) == 0 {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), inPEM[:40], 0o600); err != nil {
		t.Fatal(err)
	}
	if found := leaks(t, dir, password, [][]byte{key}); len(found) > 0 {
		t.Errorf("found where nothing is: %q", found)
	}
}
