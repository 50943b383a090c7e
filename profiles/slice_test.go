package profiles

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

func TestBuild(t *testing.T) {
	raw, err := ReadRaw(save(t, written(t)))
	if err != nil {
		t.Fatal(err)
	}
	f := func(windows []Window, want map[string]int64, of, time, cpu, lost int64) {
		t.Helper()
		s, err := Build("some", Cut{raw, map[string]string{"client": "franz-go"}, windows})
		if err != nil {
			t.Fatal(err)
		}
		if got := leaves(s.Profile); !cmp.Equal(got, want) {
			t.Errorf("leaves are %v, want %v", got, want)
		}
		if int64(s.Windows) != of || s.Time != time || s.CPU != cpu || s.Lost != lost {
			t.Errorf("%d windows of %d ns, CPU %d, lost %d; want %d, %d, %d, %d", s.Windows, s.Time, s.CPU, s.Lost, of, time, cpu, lost)
		}
	}
	f([]Window{{0, 9999}}, map[string]int64{"f1": 1, "f2": 4}, 1, 350, 200, 7)
	f([]Window{{1100, 1200}}, map[string]int64{"f1": 1}, 1, 100, 50, 0) // from 1,150 on as much as until 1,350
	f([]Window{{1000, 1101}, {1300, 1400}}, map[string]int64{"f1": 1, "f2": 3}, 2, 151, 50, 7)
	f([]Window{{1400, 1500}, {0, 900}}, map[string]int64{}, 0, 0, 0, 0) // nobody looked
	f(nil, map[string]int64{}, 0, 0, 0, 0)
}

// TestBuildOfSeveral merges two workers: places are one, labels stay apart.
func TestBuildOfSeveral(t *testing.T) {
	raw, err := ReadRaw(save(t, written(t)))
	if err != nil {
		t.Fatal(err)
	}
	all := []Window{{0, 9999}}
	s, err := Build("steady", Cut{raw, map[string]string{"client": "sarama", "member": "1"}, all}, Cut{raw, map[string]string{"client": "sarama", "member": "2"}, all})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Profile.Location) != 3 || len(s.Profile.Sample) != 4 || s.Samples != 10 || s.Windows != 2 {
		t.Errorf("%d places, %d stacks, %d samples, %d windows; want 3, 4, 10, 2", len(s.Profile.Location), len(s.Profile.Sample), s.Samples, s.Windows)
	}
	var file bytes.Buffer
	if err := s.Profile.Write(&file); err != nil {
		t.Fatal(err)
	}
	p, err := profile.ParseData(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"client=sarama", "slice=steady", "samples=10", "member-windows=2", "lost=14: samples that found no room", "fewer than 200 samples: what is hottest may be chance"}
	if !slices.Equal(p.Comments, want) {
		t.Errorf("comments are %q, want %q", p.Comments, want)
	}
	p.FilterSamplesByTag(func(s *profile.Sample) bool { return slices.Contains(s.Label["member"], "2") }, nil)
	if got := leaves(p); !cmp.Equal(got, map[string]int64{"f1": 1, "f2": 4}) {
		t.Errorf("of member 2 there is %v", got)
	}
	if got, want := Total(s.Profile), int64(100e6); got != want { // 10 samples of 10 ms
		t.Errorf("all samples are %d ns, want %d", got, want)
	}
	if p.DurationNanos != 700 || p.Period != 1e7 || p.TimeNanos != 5000 {
		t.Errorf("lasts %d ns, period %d, from %d", p.DurationNanos, p.Period, p.TimeNanos)
	}
}
