package ui

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// profileOf is a profile of one stack of two functions.
func profileOf(leaf string, value int64) *profile.Profile {
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"},
		Mapping:    []*profile.Mapping{{ID: 1, File: "kbench", HasFunctions: true}},
	}
	s := &profile.Sample{Value: []int64{1, value}}
	for i, name := range []string{leaf, "example.com/client.(*Producer).Send"} {
		f := &profile.Function{ID: uint64(i + 1), Name: name, Filename: "send.go"}
		l := &profile.Location{ID: uint64(i + 1), Mapping: p.Mapping[0], Line: []profile.Line{{Function: f, Line: 7}}}
		p.Function, p.Location, s.Location = append(p.Function, f), append(p.Location, l), append(s.Location, l)
	}
	p.Sample = []*profile.Sample{s}
	return p
}

// site serves two profiles and one that cannot be loaded, with a home that is empty.
func site(t *testing.T) (url, home string) {
	t.Helper()
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("PPROF_TMPDIR", "")
	load := func(leaf string, value int64) func() (*profile.Profile, error) {
		return func() (*profile.Profile, error) { return profileOf(leaf, value), nil }
	}
	base := profileOf("example.com/client.old", -3e7)
	base.SetLabel("pprof::base", []string{"true"})
	server := httptest.NewServer(Handler(
		Index{Title: "Profiles of run r1", Notes: []string{"trial 2 is <left out>"}, Tables: []Table{{
			Title: "CPU", Notes: []string{"of few samples"}, Head: []string{"arm", "kind"},
			Rows: [][]Cell{{{Text: "franz-go"}, {Text: "cpu", Link: "w/franz-go/cpu/flamegraph"}}, {{Text: "sarama"}, {Text: "7", Number: true, Warn: true}}},
		}}},
		[]Page{
			{Path: "w/franz-go/cpu", Title: "w, franz-go, cpu", Notes: []string{"12 samples", "fewer than 200"}, Load: load("example.com/client.encodeFranz", 5e7)},
			{Path: "w/sarama/cpu", Title: "w, sarama, cpu", First: "samples", Load: load("example.com/client.encodeSarama", 7e7)},
			{Path: "diff/cpu", Title: "diff", Load: func() (*profile.Profile, error) {
				return profile.Merge([]*profile.Profile{profileOf("example.com/client.new", 4e7), base})
			}},
			{Path: "w/broken", Title: "broken", Load: func() (*profile.Profile, error) { return nil, errors.New("no such thing") }},
		}))
	t.Cleanup(server.Close)
	return server.URL, home
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return r.StatusCode, string(data)
}

// TestPages: every page of every mount is there, shows its own profile, and says above
// what it is of.
func TestPages(t *testing.T) {
	url, home := site(t)
	f := func(path string, status int, want ...string) {
		t.Helper()
		got, body := get(t, url+path)
		if got != status {
			t.Errorf("%s: %d, want %d\n%s", path, got, status, body)
		}
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s does not say %q", path, w)
			}
		}
	}
	f("/", 200, "Profiles of run r1", "trial 2 is &lt;left out&gt;", `<a href="w/franz-go/cpu/flamegraph">cpu</a>`, `<td class="number warn">7</td>`)
	f("/w/franz-go/cpu/flamegraph", 200, "example.com/client.encodeFranz", `href="../../../"`, "w, franz-go, cpu", "fewer than 200", "stackViewer")
	f("/w/franz-go/cpu/", 200, "example.com/client.encodeFranz") // it leads there
	f("/w/sarama/cpu/flamegraph", 200, "example.com/client.encodeSarama", "w, sarama, cpu")
	f("/w/sarama/cpu/top", 200, "example.com/client.encodeSarama")
	f("/w/sarama/cpu/peek?f=encode", 200, "encodeSarama")
	f("/diff/cpu/flamegraph", 200, "example.com/client.new", "example.com/client.old")
	f("/w/broken/flamegraph", 500, "broken: no such thing")
	f("/w/franz-go/cpu/nothing", 404)
	f("/w/nobody/flamegraph", 404)
	f("/w/franz-go/cpu/saveconfig?config=mine", 403, "home directory")
	f("/w/franz-go/cpu/deleteconfig?config=mine", 403)
	if _, body := get(t, url+"/w/franz-go/cpu/flamegraph"); strings.Contains(body, "encodeSarama") {
		t.Error("one mount shows the profile of another")
	}
	if r, err := http.Post(url+"/w/franz-go/cpu/saveconfig", "", nil); err != nil || r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v, %v", r, err)
	} else {
		r.Body.Close()
		http.DefaultClient.CloseIdleConnections()
	}
	if left := files(t, home); len(left) > 0 {
		t.Errorf("the home of the user has %v", left)
	}
}

// TestDownload: the profile can be had as it is.
func TestDownload(t *testing.T) {
	url, _ := site(t)
	_, body := get(t, url+"/w/franz-go/cpu/download")
	p, err := profile.ParseData([]byte(body))
	if err != nil || len(p.Sample) != 1 || p.Sample[0].Value[1] != 5e7 {
		t.Errorf("%v, %v", p, err)
	}
}

// TestAtOnce: pages are looked at while others are mounted.
func TestAtOnce(t *testing.T) {
	url, _ := site(t)
	var all sync.WaitGroup
	for range 4 {
		for _, page := range []string{"/w/franz-go/cpu/flamegraph", "/w/sarama/cpu/top", "/diff/cpu/flamegraph", "/w/franz-go/cpu/top?si=samples"} {
			all.Go(func() {
				if status, body := get(t, url+page); status != 200 {
					t.Errorf("%s: %d\n%s", page, status, body)
				}
			})
		}
	}
	all.Wait()
	if _, body := get(t, url+"/w/sarama/cpu/top"); !strings.Contains(body, "encodeSarama") {
		t.Error("a page is not what it was")
	}
}

// files are those below a directory.
func files(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if path != dir {
			found = append(found, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}
