package cause

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
)

// What three clients did to their groups, as the taps recorded it, in short: requests
// for positions and coordinators are left out, addresses and ids are numbered, and
// times are microseconds from the beginning of the measured part.
type recording struct {
	Of      string
	Session int64
	Members []struct {
		Worker    string
		Calls     []recordedCall
		Heard     [][2]int64
		Still     [][3]int64
		Gone      int64
		End       string
		Hangups   [][2]any
		Waiting   [][4]any
		Undialled [][2]int64
		Topics    [][3]int64
	}
}

type recordedCall struct {
	API        int16  `json:"a"`
	Req        int64  `json:"q"`
	Resp       int64  `json:"r"`
	Err        int16  `json:"e"`
	Conn       int    `json:"c"`
	Node       string `json:"n"`
	ID         string
	Instance   string  `json:"i"`
	Session    int64   `json:"s"` // ms
	Generation int32   `json:"g"`
	Epoch      int32   `json:"ep"`
	Protocol   string  `json:"p"`
	Topics     int     `json:"t"` // how many
	Given      []int32 `json:"v"`
	Empty      bool    `json:"x"`
}

const us = int64(1e3)

// began is where the clock of a recording stands when it begins: no time is 0.
const began = int64(1000e9)

func at(t int64) int64 { return began + t*us }

func play(t *testing.T, file string) Input {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	in := Input{Session: r.Session * us}
	for _, m := range r.Members {
		out := Member{Worker: m.Worker, Life: Life{End: m.End}}
		if m.Gone != 0 {
			out.Gone = at(m.Gone)
		}
		for _, c := range m.Calls {
			call := group.Call{
				API: c.API, Req: at(c.Req), Err: c.Err, Conn: c.Conn, Node: c.Node, ID: c.ID, Instance: c.Instance, Session: c.Session * 1e6,
				Generation: c.Generation, Epoch: c.Epoch, Protocol: c.Protocol, Given: c.Given, NoneGiven: c.Empty,
			}
			if c.Resp != 0 {
				call.Resp = at(c.Resp)
			}
			for i := range c.Topics {
				call.Topics = append(call.Topics, fmt.Sprint(i))
			}
			out.Calls = append(out.Calls, call)
		}
		slices.SortStableFunc(out.Calls, func(a, b group.Call) int { return cmp.Compare(a.Req, b.Req) })
		for _, h := range m.Heard {
			out.Heard = append(out.Heard, results.Interval{From: at(h[0]), To: at(h[1])})
		}
		for _, s := range m.Still {
			out.Still = append(out.Still, Still{results.Interval{From: at(s[0]), To: at(s[1])}, s[2] * us})
		}
		for _, h := range m.Hangups {
			out.Hangups = append(out.Hangups, Hangup{at(int64(h[0].(float64))), h[1].(string)})
		}
		for _, w := range m.Waiting {
			out.Waiting = append(out.Waiting, Waiting{results.Interval{From: at(int64(w[0].(float64))), To: at(int64(w[1].(float64)))}, w[2].(string), int16(w[3].(float64))})
		}
		for _, u := range m.Undialled {
			out.Undialled = append(out.Undialled, results.Interval{From: at(u[0]), To: at(u[1])})
		}
		for _, c := range m.Topics {
			out.Topics = append(out.Topics, Topic{At: at(c[0]), Name: "t", Had: int(c[1]), Has: int(c[2])})
		}
		in.Members = append(in.Members, out)
	}
	return in
}

// listed is each rebalance in a line.
func listed(all []Rebalance) string {
	var b strings.Builder
	for _, r := range all {
		fmt.Fprintf(&b, "%.1f %s %s %s, %d", float64(r.Known-began)/1e9, r.Cause, r.Sure, r.Worker, r.Rounds)
		for _, a := range r.Also {
			fmt.Fprintf(&b, "; also %s %s %s", a.Cause, a.Sure, a.Worker)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestRecorded holds what is found in recordings against what is known to have been done
// in them.
func TestRecorded(t *testing.T) {
	f := func(file, want string) {
		t.Helper()
		got := Find(play(t, file))
		if diff := gocmp.Diff(strings.TrimLeft(want, "\n"), listed(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
			for _, r := range got {
				t.Logf("%.3f %s", float64(r.At-began)/1e9, r.Why)
			}
		}
	}
	// A member closes its client and opens another, again and again, on Apache Kafka.
	f("reopen-franz-go.json", `
-5.3 join certain consumer-2, 1; also join certain consumer-0; also join certain consumer-1
2.9 leave certain consumer-2, 1; also join certain consumer-2
4.9 leave certain consumer-2, 1; also join certain consumer-2
6.5 leave certain consumer-2, 1; also join certain consumer-2
8.6 leave certain consumer-2, 1; also join certain consumer-2
`)
	f("reopen-kafka-go.json", `
-5.4 join certain consumer-0, 1; also join certain consumer-2; also join certain consumer-1
3.2 leave certain consumer-2, 1; also join certain consumer-2
4.7 leave certain consumer-2, 1; also join certain consumer-2
6.9 leave certain consumer-2, 1; also join certain consumer-2
8.7 leave certain consumer-2, 1; also join certain consumer-2
`)
	f("reopen-sarama.json", `
-5.3 join certain consumer-1, 1; also join certain consumer-2; also join certain consumer-0
3.2 leave certain consumer-2, 1; also join certain consumer-2
4.8 leave certain consumer-2, 1; also join certain consumer-2
6.3 leave certain consumer-2, 1; also join certain consumer-2
8.4 leave certain consumer-2, 1; also join certain consumer-2
`)
	// An old kafka-go sends heartbeats to a node that is not the coordinator; a member leaves in between.
	f("wrong-node-kafka-go.json", `
-4.3 join certain consumer-0, 1
-3.3 join certain consumer-1, 1
-0.2 client likely consumer-0, 1; also client likely consumer-1
2.8 leave certain consumer-0, 1; also client likely consumer-1
4.3 client likely consumer-1, 1
`)
	// Members come and go, and are killed while they join, within the timeouts.
	f("crash-franz-go.json", `
-1.5 join certain consumer-0, 1
-1.4 join certain consumer-1, 1
2.1 join certain consumer-2, 1; also join certain consumer-3; also process certain consumer-0
3.9 join certain consumer-4, 1; also join likely consumer-5; also join certain consumer-6
7.1 join likely consumer-7, 1; also join certain consumer-8; also join certain consumer-9
10.4 leave certain consumer-4, 1; also leave certain consumer-2; also leave certain consumer-3; also leave certain consumer-8
14.7 join certain consumer-10, 1
`)
	// Members join one after the other, under a cooperative assignor.
	f("cooperative-sarama.json", `
-7.5 join certain consumer-0, 1
-6.4 join certain consumer-1, 2; also join certain consumer-2
2.5 join certain consumer-3, 2
7.1 join certain consumer-4, 2
11.9 join certain consumer-5, 2
`)
	// A member joins and leaves, one is killed and replaced, one is cut off for 10 s, one stopped for 9 s, and the
	// topic grows. Under franz-go and kafka-go the whole machine stood still for 5 to 19 s, three times.
	f("causes-franz-go.json", `
-2.3 join certain consumer-2, 1
-1.2 join certain consumer-0, 1; also join certain consumer-1
2.9 join certain consumer-3, 1
11.3 process likely consumer-1, 1; also join certain consumer-0
12.3 join certain consumer-3, 1
14.5 join certain consumer-2, 1; also join certain consumer-1
17.6 leave certain consumer-3, 1
29.6 process likely consumer-1, 1; also join certain consumer-1
35.2 join certain consumer-4, 1
44.4 network certain consumer-1, 1
51.4 join certain consumer-1, 1
61.4 process certain consumer-4, 1
66.4 join certain consumer-4, 1
69.4 metadata certain consumer-2, 1
`)
	f("causes-kafka-go.json", `
-2.4 join certain consumer-1, 1
-1.4 join certain consumer-0, 1; also join certain consumer-2
3.7 join certain consumer-3, 1
6.7 leave certain consumer-3, 1
15.7 process certain consumer-0, 1
19.7 join certain consumer-4, 1
31.0 network certain consumer-1, 1
34.1 join certain consumer-1, 1
44.3 process certain consumer-4, 1; also process certain consumer-2
51.6 join certain consumer-2, 1
56.7 join certain consumer-4, 1
61.0 metadata certain consumer-1, 1
83.2 process likely consumer-1, 1; also process certain consumer-2; also join certain consumer-4
`)
	f("causes-sarama.json", `
-2.4 join certain consumer-1, 1
-1.3 join certain consumer-0, 1; also join certain consumer-2
5.0 join certain consumer-3, 1
8.3 leave certain consumer-3, 1
17.3 process certain consumer-0, 1
20.5 join certain consumer-4, 1
29.5 network certain consumer-1, 1
34.5 join certain consumer-1, 1
43.6 process certain consumer-4, 1
46.6 join certain consumer-4, 1
50.6 metadata certain consumer-2, 1
`)
	// The same under cooperative assignors and KIP-848.
	f("causes-franz-go-consumer.json", `
-2.4 join certain consumer-0, 1
-2.4 join certain consumer-2, 1
-2.4 join certain consumer-1, 1
2.9 join certain consumer-3, 1
6.6 leave certain consumer-3, 1
15.6 process certain consumer-0, 1
17.8 join certain consumer-4, 1
27.8 network certain consumer-1, 1
31.8 join certain consumer-1, 1
41.6 process certain consumer-4, 1
44.3 join certain consumer-4, 1
47.8 metadata certain , 1
`)
	f("causes-sarama-cooperative.json", `
-3.7 join certain consumer-1, 1
-2.6 join certain consumer-2, 2; also join certain consumer-0
3.3 join certain consumer-3, 2
7.3 leave certain consumer-3, 1
15.4 process certain consumer-0, 1
19.3 join certain consumer-4, 2
29.4 network certain consumer-1, 1
34.4 join certain consumer-1, 2
43.5 process certain consumer-4, 1
47.4 join certain consumer-4, 2
51.5 metadata certain consumer-2, 1
`)
	f("causes-franz-go-cooperative.json", `
-2.5 join certain consumer-2, 1
-1.9 join certain consumer-0, 2; also join certain consumer-1
3.2 join certain consumer-3, 2
6.2 leave certain consumer-3, 1
14.7 process certain consumer-0, 1
17.2 join certain consumer-4, 2
26.3 network certain consumer-1, 1
32.8 join certain consumer-1, 2
42.8 process certain consumer-4, 1
47.3 join certain consumer-4, 2
50.6 metadata certain consumer-2, 1
`)
}
