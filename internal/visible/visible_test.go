package visible

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		got := Text(in)
		if got != want || Text(got) != got {
			t.Errorf("%q: %q, and again %q; want %q", in, got, Text(got), want)
		}
	}
	for _, plain := range []string{"", "a\tb\n", "grün · ≈ ✗ … 日本 \u00a0", `\u001b`, "\ufffd"} {
		f(plain, plain)
	}
	f("\x1b]0;owned\a", `\u001b]0;owned\u0007`)
	f("a\r\x00\x7f\b", `a\u000d\u0000\u007f\u0008`)
	f("\u009b31m", `\u009b31m`)
	f("a\x9b31m", `a\x9b31m`)
	f("\u202eevil\u2066\u200f", `\u202eevil\u2066\u200f`)
	f("\u2028\ufeff\u200b", `\u2028\ufeff\u200b`)
	f("\U000e0041", `\udb40\udc41`)
	if got := Line("a\nb\t"); got != `a\u000ab\u0009` {
		t.Errorf("a line is %q", got)
	}
}

// TestJSON: through a writer JSON has the same value.
func TestJSON(t *testing.T) {
	in := map[string]string{"a": "\x1b\u009b\u202e\U000e0041 ü"}
	var out bytes.Buffer
	if err := json.NewEncoder(Writer(&out)).Encode(in); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["a"] != in["a"] || strings.ContainsAny(out.String(), "\u009b\u202e") {
		t.Errorf("%s: %v, %q", out.Bytes(), err, got)
	}
}

func TestLengths(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(Cut("äöü", 3), "äöü")
	f(Cut("äöüß", 3), "äöü… (and 1 characters more)")
	f(Lines("a\nb", 2, 1), "a\nb")
	f(Lines("a\nbcd\ne\nf\n", 2, 2), "a\nbc… (and 1 characters more)\n… and 2 lines more")
}
