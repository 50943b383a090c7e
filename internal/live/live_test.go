package live

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/leak"
	"github.com/kbench/kbench/results"
)

func TestMain(m *testing.M) { leak.Main(m) }

func listen(t *testing.T) *Server {
	t.Helper()
	s, err := Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// get asks for a page, by another name of the host where one is given.
func get(t *testing.T, s *Server, path, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// says is a worker that answers with what it was asked for.
func says(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s: %s", name, r.URL.RequestURI()) })
}

var second = results.TrialRef{Workload: "quick <b>", Arm: "sarama/range", Round: 2}

func TestPages(t *testing.T) {
	s := listen(t)
	if !strings.HasPrefix(s.URL(), "http://127.0.0.1:") {
		t.Errorf("without a host it listens at %s", s.URL())
	}
	if _, body := get(t, s, "/", ""); !strings.Contains(body, "No worker") {
		t.Errorf("an empty index:\n%s", body)
	}
	remove := s.Add(second, "reference-0", results.RoleReference, says("reference"))
	defer remove()
	defer s.Add(second, "consumer-0", results.RoleConsumer, says("consumer"))()
	if got, want := s.PprofURL(second.Arm, "consumer-0"), s.URL()+"/sarama-range/consumer-0/debug/pprof/profile?seconds=10"; got != want {
		t.Errorf("the address is %s, want %s", got, want)
	}
	if _, body := get(t, s, "/sarama-range/consumer-0/debug/pprof/heap?gc=1", ""); body != "consumer: /debug/pprof/heap?gc=1" {
		t.Errorf("a page: %s", body)
	}
	_, body := get(t, s, "/", "")
	for _, want := range []string{"quick &lt;b&gt;, round 2", `href="/sarama-range/reference-0/debug/pprof/"`, "go tool pprof -http=: " + s.URL() + "/sarama-range/consumer-0/"} {
		if !strings.Contains(body, want) {
			t.Errorf("the index lacks %s:\n%s", want, body)
		}
	}
	remove()
	s.patience = 0
	if status, body := get(t, s, "/sarama-range/reference-0/debug/pprof/", ""); status != http.StatusNotFound || !strings.Contains(body, "what runs now: sarama-range/consumer-0") {
		t.Errorf("a worker that has ended: %d, %s", status, body)
	}
}

// A worker that is about to run is waited for.
func TestPatience(t *testing.T) {
	s := listen(t)
	s.patience = time.Minute
	removed := make(chan func(), 1)
	go func() {
		time.Sleep(50 * time.Millisecond)
		removed <- s.Add(second, "producer-0", results.RoleProducer, says("producer"))
	}()
	if _, body := get(t, s, "/sarama-range/producer-0/debug/pprof/", ""); body != "producer: /debug/pprof/" {
		t.Errorf("it says %s", body)
	}
	(<-removed)()
}

// A page in a browser that was led here under another name gets nothing.
func TestOtherNames(t *testing.T) {
	s := listen(t)
	f := func(host string, want int) {
		t.Helper()
		if got, body := get(t, s, "/", host); got != want {
			t.Errorf("for %s it answers %d, want %d: %s", host, got, want, body)
		}
	}
	f("localhost:1", http.StatusOK)
	f("127.0.0.1", http.StatusOK)
	f("rebound.example:80", http.StatusForbidden)
	f("10.0.0.1", http.StatusForbidden)
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "6060", "127.0.0.1", "127.0.0.1:x"} {
		if s, err := Listen(bad); err == nil {
			t.Errorf("%q is taken for %s", bad, s.URL())
			_ = s.Close()
		}
	}
}
