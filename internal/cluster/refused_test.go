package cluster

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/drivers"
)

// A wrong password is told as one, whatever the broker does about it.
func TestWrongPassword(t *testing.T) {
	for _, mechanism := range mechanisms() {
		n, err := startEmbedded(t.Context(), Options{Kind: Embedded, Nodes: 1, Security: Security{SASL: mechanism, User: "bench", Password: "right"}})
		if err != nil {
			t.Fatal(err)
		}
		access := n.ready().Access
		f := func(user, password, want string) {
			t.Helper()
			access.SASL = &drivers.SASL{Mechanism: mechanism, User: user, Password: password}
			_, _, err := identify(t.Context(), access)
			if err = refused(err, access); err == nil != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s with %s: %v, want %q", mechanism, user, password, err, want)
			}
		}
		f("bench", "right", "")
		f("bench", "wrong", `the password of user "bench"`)
		f("other", "right", `the password of user "other"`)
		access.SASL = nil
		if _, _, err := identify(t.Context(), access); !strings.Contains(refused(err, access).Error(), "wants TLS or SASL") {
			t.Errorf("%s, nobody: %v", mechanism, err)
		}
		if err := n.stop(); err != nil {
			t.Error(err)
		}
	}
}

// What others may read of a connection file is named, where it is secret.
func TestExposed(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := func(file string, want ...string) {
		t.Helper()
		if got := Exposed(file); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	key := write("client.key", "key", 0o640)
	write("mine.key", "key", 0o600)
	open := write("open.yaml", "sasl: {mechanism: PLAIN, user: u, password: p}\ntls: {cert: c.pem, key: client.key}", 0o644)
	f(open, open, key)
	f(write("closed.yaml", "sasl: {mechanism: PLAIN, user: u, password: p}\ntls: {cert: c.pem, key: mine.key}", 0o600))
	f(write("plain.yaml", "sasl: {mechanism: PLAIN, user: u}\ntls: {ca: client.key}", 0o644))
	f("")
}
