package profiles

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

func parse(t *testing.T, path string) *profile.Profile {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := profile.ParseData(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFinish makes of what a killed worker left a CPU profile of the measured part, and
// nothing of what was half written.
func TestFinish(t *testing.T) {
	path := save(t, written(t))
	dir := filepath.Dir(path)
	if err := os.WriteFile(filepath.Join(dir, "run.trace.tmp"), []byte("go 1.26 tr"), 0o644); err != nil {
		t.Fatal(err)
	}
	heap := filepath.Join(dir, Heap.FileName())
	raw, err := ReadRaw(path)
	if err != nil {
		t.Fatal(err)
	}
	like, err := Build("x", Cut{Raw: raw, Windows: []Window{{0, 9999}}}) // any profile will do
	if err != nil {
		t.Fatal(err)
	}
	like.Profile.Comments = []string{"its own"}
	if err := Save(like.Profile, heap); err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"client": "sarama", "member": "consumer-1"}
	if err := Finish(dir, Window{1150, 1250}, labels); err != nil {
		t.Fatal(err)
	}

	p := parse(t, filepath.Join(dir, CPU.FileName()))
	if got := leaves(p); !cmp.Equal(got, map[string]int64{"f2": 1}) {
		t.Errorf("the measured part has %v, want one f2", got)
	}
	if want := []string{"client=sarama", "member=consumer-1", "slice=measured"}; len(p.Comments) < 3 || !slices.Equal(p.Comments[:3], want) {
		t.Errorf("comments are %q, want %q first", p.Comments, want)
	}
	p = parse(t, heap)
	if want := []string{"client=sarama", "member=consumer-1", "its own"}; !slices.Equal(p.Comments, want) {
		t.Errorf("comments are %q, want %q", p.Comments, want)
	}
	for _, s := range p.Sample {
		if !slices.Equal(s.Label["member"], []string{"consumer-1"}) {
			t.Errorf("a sample has the labels %v", s.Label)
		}
	}
	var names []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"cpu.pb.gz", "cpu.raw", "heap.pb.gz"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("there is %q, %v, want %q", names, err, want)
	}
}

// TestFinishUnmeasured is of a trial that failed before anything was measured.
func TestFinishUnmeasured(t *testing.T) {
	dir := filepath.Dir(save(t, written(t)))
	if err := Finish(dir, Window{}, nil); err != nil {
		t.Fatal(err)
	}
	p := parse(t, filepath.Join(dir, CPU.FileName()))
	if got := leaves(p); !cmp.Equal(got, map[string]int64{"f1": 1, "f2": 4}) || p.Comments[0] != "slice=all" {
		t.Errorf("there is %v, %q, want everything", got, p.Comments)
	}
	if err := Finish(filepath.Join(dir, "none"), Window{}, nil); err != nil {
		t.Errorf("without a directory there is an error: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, Block.FileName()), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Finish(dir, Window{}, nil); err == nil {
		t.Error("a file that is no profile is no error")
	}
}
