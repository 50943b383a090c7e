package reader

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestHostileDocuments: no document of the largest size makes the reader take more
// than a small multiple of it, whatever stands in what.
func TestHostileDocuments(t *testing.T) {
	const most = 256 << 20
	f := func(name, doc, want string) {
		t.Helper()
		doc = doc[:min(len(doc), MaxSource)]
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, r := read(doc)
		all := r.Problems.Sorted().Error()
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > most {
			t.Errorf("%s: it took %d MiB", name, took>>20)
		}
		if !strings.Contains(all, want) {
			t.Errorf("%s: want %q in %.500s", name, want, all)
		}
		if len(all) > 10_000 && len(all) > 2*len(doc) {
			t.Errorf("%s: a message of %d bytes", name, len(all))
		}
	}
	n := MaxSource
	many := func(s string) string { return strings.Repeat(s, n/len(s)) }
	deep := "more than 32 deep"
	f("lists", "tags: "+many("["), deep)
	f("lists that are closed", "tags: "+strings.Repeat("[", n/2-10)+strings.Repeat("]", n/2-10), deep)
	f("lists with text", "tags: "+many("['[', "), deep)
	f("lists with text that closes", "tags: "+many("[']', "), deep)
	f("mappings", "tags: "+many("{a: "), deep)
	f("entries in a line", "tags:\n  "+many("- "), deep)
	f("keys in a line", many("? "), deep)
	f("anchors", "tags: "+many("&a "), deep)
	f("tags", "tags: "+many("!!str "), deep)
	f("documents", many("---\na: 1\n"), "a second document")
	f("commas", "tags: ["+many(",")[:n-10]+"]", "")
	f("colons", "tags: "+many("a: "), "")
	f("quotes", "notes: "+many(`"a" `), "")
	f("dashes in lines", "tags:\n"+many("-\n"), "too long")
	f("lines", "notes: |\n"+many(" x\n"), "the text has")
	f("a long key", many("x")[:n-10]+": 1", "is not a field")
	f("a long value", "oven: {mode: "+many("x")[:n-20]+"}", "is not known here")
	f("a long list", "tags: ["+many("x, ")[:n-10]+"]", "a list of 21842 is too long; write at most 1000 entries")
	var block, fields strings.Builder
	for i := 0; block.Len() < n-2*i; i++ {
		fmt.Fprintf(&block, "%sa:\n", strings.Repeat(" ", i))
	}
	for i := 0; fields.Len() < n-20; i++ {
		fmt.Fprintf(&fields, "f%d: 1\n", i)
	}
	f("indentation", block.String(), deep)
	f("fields", fields.String(), "too long")
	f("some fields", fields.String()[:strings.Index(fields.String(), "f900:")], "… and 880 problems more")
	f("more than fits", many("# \n")+"# ", "")
}

// TestEncoding: a mark at the beginning is of no meaning, and what is not UTF-8 is
// refused where it stands.
func TestEncoding(t *testing.T) {
	f := func(doc, want string) {
		t.Helper()
		got, r := read(doc)
		if all := r.Problems.Sorted().Error(); all != want || want == "" && got.Name != "bun" {
			t.Errorf("%q: %+v, %q; want %q", doc, got, all, want)
		}
	}
	f("\ufeffname: bun\n", "")
	f("name: bun\nnotes: gr\xfcn\n", "r.yaml:2:10: this is not UTF-8; save the file in that encoding")
	f("\xff\xfen\x00a\x00m\x00e\x00", "r.yaml:1:1: this is not UTF-8; save the file in that encoding")
	f("name: bun\nnotes: \"\u00e9\xe9\"\n", "r.yaml:2:10: this is not UTF-8; save the file in that encoding")
}
