package wire

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/results/record"
)

// conversation is a connection's life: every group API in every version, with
// Produce, Fetch and Metadata between them.
func conversation() (out, in []byte) {
	corr := int32(100)
	add := func(req kmsg.Request, resp kmsg.Response) {
		corr++
		out = append(out, request(req, corr)...)
		if resp != nil {
			in = append(in, response(resp, corr)...)
		}
	}
	for i, x := range exchanges() {
		add(x.req, x.resp)
		if i%4 != 0 {
			continue
		}
		acks := int16(i%3) - 1
		p := produce(int16(3+i%11), acks, batch(5, 400+i, uint16(i%5)))
		if acks == 0 {
			add(p, nil)
		} else {
			add(p, p.ResponseKind())
		}
		f := &kmsg.FetchRequest{Version: int16(4 + i%10), MaxWaitMillis: int32(i)}
		add(f, f.ResponseKind())
		m := &kmsg.MetadataRequest{Version: int16(i % 10)}
		add(m, m.ResponseKind())
	}
	return out, in
}

func TestSplittingChangesNothing(t *testing.T) {
	out, in := conversation()
	// run carries the conversation in pieces, and returns what was emitted.
	run := func(piece int) ([]record.Event, []record.WireAPI) {
		tap, events := newTap(t, Options{Every: 3})
		s := &script{toRead: bytes.Clone(in)}
		c := tap.wrap(s, "b:1", 0)
		given := bytes.Clone(out)
		send(t, c, given, piece)
		if !bytes.Equal(s.written, out) || !bytes.Equal(given, out) {
			t.Fatalf("pieces of %d: written bytes were changed", piece)
		}
		if got := receive(t, c, s, piece); !bytes.Equal(got, in) {
			t.Fatalf("pieces of %d: read bytes were changed", piece)
		}
		if n := tap.sums.unknown.Load(); n != 0 {
			t.Fatalf("pieces of %d: %d frames could not be read", piece, n)
		}
		if left := len(c.pending.queue); left != 0 {
			t.Fatalf("pieces of %d: %d requests still await a response", piece, left)
		}
		return events.of(record.EvRequest, record.EvResponse, record.EvProduce, record.EvFetch), totals(tap)
	}
	want, sums := run(len(out) + len(in))
	if len(want) < 2*len(exchanges()) {
		t.Fatalf("only %d events", len(want))
	}
	for _, piece := range []int{1, 2, 3, 5, 7, 11, 64, 100, 1000, 4096} {
		got, gotSums := run(piece)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(record.Event{}, "T")); diff != "" {
			t.Errorf("pieces of %d: events differ (-whole +split):\n%s", piece, diff)
		}
		// The clock of these tests counts how often it is read.
		if diff := cmp.Diff(sums, gotSums, cmpopts.IgnoreFields(record.WireAPI{}, "Longest")); diff != "" {
			t.Errorf("pieces of %d: sums differ (-whole +split):\n%s", piece, diff)
		}
	}
}

// Pieces of changing length exercise what pieces of one length cannot: the end
// of a kept frame and the start of the next in one piece.
func TestRandomSplits(t *testing.T) {
	out, _ := conversation()
	rng := rand.New(rand.NewPCG(1, 2))
	var want []record.Event
	for round := range 50 {
		tap, events := newTap(t, Options{Every: 1})
		c := tap.wrap(&script{}, "b:1", 0)
		for rest := out; len(rest) > 0; {
			n := len(rest)
			if round > 0 {
				n = min(n, 1+rng.IntN(700))
			}
			send(t, c, rest[:n], n)
			rest = rest[n:]
		}
		got := events.of(record.EvRequest, record.EvProduce, record.EvFetch)
		if round == 0 {
			want = got
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(record.Event{}, "T")); diff != "" {
			t.Fatalf("round %d: events differ (-whole +split):\n%s", round, diff)
		}
	}
}

func TestAcksNoneIsNotAwaited(t *testing.T) {
	for v := int16(0); v <= (&kmsg.ProduceRequest{}).MaxVersion(); v++ {
		for _, id := range []string{"", "kbench", strings.Repeat("long", 500)} {
			tap, _ := newTap(t, Options{})
			s := &script{}
			c := tap.wrap(s, "b:1", 0)
			corr := int32(0)
			frame := func(req kmsg.Request) []byte {
				corr++
				return kmsg.NewRequestFormatter(kmsg.FormatterClientID(id)).AppendRequest(nil, req, corr)
			}
			for range 100 {
				send(t, c, frame(produce(v, 0, nil)), 9)
			}
			if n := len(c.pending.queue); n != 0 {
				t.Fatalf("v%d: %d requests with acks 0 are awaited", v, n)
			}
			p := produce(v, 1, nil)
			send(t, c, frame(p), 1<<20)
			if n := len(c.pending.queue); n != 1 {
				t.Fatalf("v%d: %d requests are awaited after one with acks 1", v, n)
			}
			s.toRead = response(p.ResponseKind(), corr)
			receive(t, c, s, 1<<20)
			if got := total(tap, kmsg.Produce); got.Requests != 101 || got.Responses != 1 {
				t.Errorf("v%d: got %+v", v, got)
			}
		}
	}
}

func TestUnansweredRequestsAreDropped(t *testing.T) {
	tap, _ := newTap(t, Options{})
	s := &script{}
	c := tap.wrap(s, "b:1", 0)
	req := &kmsg.MetadataRequest{Version: 1}
	for corr := range int32(10) {
		send(t, c, request(req, corr), 1<<20)
	}
	s.toRead = append(response(req.ResponseKind(), 6), response(req.ResponseKind(), 3)...)
	receive(t, c, s, 1<<20)
	if left := len(c.pending.queue) - c.pending.first; left != 3 {
		t.Errorf("%d requests are awaited, want the 3 after the one answered", left)
	}
	if n := tap.sums.unknown.Load(); n != 1 {
		t.Errorf("%d frames could not be read, want the late response", n)
	}
}

func TestPendingStaysSmall(t *testing.T) {
	var q pending
	for i := range int32(100_000) {
		q.push(asked{corr: i})
		if i >= 4 {
			if _, ok := q.answer(i - 4); !ok {
				t.Fatalf("request %d was lost", i-4)
			}
		}
	}
	if cap(q.queue) > 64 {
		t.Errorf("the queue has grown to %d for 5 requests in flight", cap(q.queue))
	}
}

func TestResponseFollowsItsRequest(t *testing.T) {
	tap, events := newTap(t, Options{})
	s := &script{}
	c := tap.wrap(s, "b:1", 0)
	req := &kmsg.HeartbeatRequest{Group: "g"}
	// The broker is so quick that the response is read before Write returns.
	s.onWrite = func() {
		s.toRead = response(req.ResponseKind(), 1)
		receive(t, c, s, 1<<20)
	}
	send(t, c, request(req, 1), 1<<20)
	got := events.of(record.EvRequest, record.EvResponse)
	if len(got) != 2 || got[0].K != record.EvRequest || got[1].K != record.EvResponse {
		t.Fatalf("got %v", got)
	}
	if got[1].T >= got[0].T {
		t.Errorf("response read at %d, request written at %d: times must be those of the reads", got[1].T, got[0].T)
	}
}

func TestSampling(t *testing.T) {
	tap, events := newTap(t, Options{Every: 5})
	for range 2 { // each connection begins anew
		c := tap.wrap(&script{}, "b:1", 0)
		for corr := range int32(11) {
			send(t, c, request(produce(9, 1, batch(1, 1, 0)), corr), 1<<20)
			send(t, c, request(&kmsg.FetchRequest{Version: 11}, corr), 1<<20)
		}
	}
	for _, kind := range []record.EventKind{record.EvProduce, record.EvFetch} {
		var at []int32
		for _, e := range events.of(kind) {
			at = append(at, e.Corr)
		}
		if diff := cmp.Diff([]int32{0, 5, 10, 0, 5, 10}, at); diff != "" {
			t.Errorf("%s: sampled (-want +got):\n%s", kind, diff)
		}
	}
	if got := total(tap, kmsg.Produce).Requests; got != 22 {
		t.Errorf("%d Produce requests were counted, want 22", got)
	}
}

func TestShortWriteIsNotReported(t *testing.T) {
	tap, events := newTap(t, Options{})
	s := &script{short: true}
	c := tap.wrap(s, "b:1", 0)
	if _, err := c.Write(request(&kmsg.HeartbeatRequest{Group: "g"}, 1)); err == nil {
		t.Fatal("the error of the connection was lost")
	}
	s.short = false
	send(t, c, request(&kmsg.HeartbeatRequest{Group: "g"}, 2), 1<<20)
	if got := events.of(record.EvRequest); len(got) != 0 {
		t.Errorf("got events %v of a stream that cannot be followed", got)
	}
}

func TestBrokenFrames(t *testing.T) {
	heartbeat := &kmsg.HeartbeatRequest{Group: "g", MemberID: "m"}
	whole := request(heartbeat, 2)
	// f feeds what is broken and then a good request, and tells how much was
	// understood.
	f := func(what string, bad []byte, unknown int64, recovers bool) {
		t.Helper()
		tap, events := newTap(t, Options{})
		s := &script{}
		c := tap.wrap(s, "b:1", 0)
		send(t, c, append(bytes.Clone(bad), whole...), 1<<20)
		if n := tap.sums.unknown.Load(); n != unknown {
			t.Errorf("%s: %d frames could not be read, want %d", what, n, unknown)
		}
		if got := len(events.of(record.EvRequest)) == 1; got != recovers {
			t.Errorf("%s: good request after it understood: %t", what, got)
		}
		if !bytes.Equal(s.written, append(bytes.Clone(bad), whole...)) {
			t.Errorf("%s: bytes were changed", what)
		}
	}
	patched := func(at int, with ...byte) []byte {
		b := request(heartbeat, 1)
		copy(b[at:], with)
		return b
	}
	f("negative length", []byte{0xff, 0, 0, 0}, 1, false)
	f("empty frame", make([]byte, 4), 1, true)
	f("frame shorter than its header", []byte{0, 0, 0, 3, 1, 2, 3}, 1, true)
	f("no such API", patched(4, 0x7f, 0), 1, true)
	f("negative API", patched(4, 0xff, 0xff), 1, true)
	f("no such version", patched(6, 0x7f, 0), 1, true)
	f("negative version", patched(6, 0xff, 0xff), 1, true)
	f("client id past the end", patched(12, 0x7f, 0xff), 1, true)
	f("group past the end", patched(14+len(clientID), 0x7f, 0xff), 1, true)
	cut := request(produce(9, 1, nil), 1)[:16] // within the client id
	binary.BigEndian.PutUint32(cut, 12)
	f("Produce that ends before acks", cut, 1, true)
	f("good frame", request(&kmsg.MetadataRequest{}, 1), 0, true)
}

func TestHugeFrameIsSkipped(t *testing.T) {
	tap, events := newTap(t, Options{})
	c := tap.wrap(&script{}, "b:1", 0)
	send(t, c, request(produce(9, 1, batch(1, maxBody, 0)), 1), 1<<16)
	send(t, c, request(produce(9, 1, batch(1, 10, 0)), 2), 1<<16)
	if n := tap.sums.unknown.Load(); n != 1 {
		t.Errorf("%d frames could not be read, want the huge one", n)
	}
	if got := events.of(record.EvProduce); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if got := total(tap, kmsg.Produce); got.Requests != 2 || got.ReqBytes < maxBody {
		t.Errorf("sums are %+v", got)
	}
	if cap(c.out.body) > keepBuffer {
		t.Errorf("%d bytes stay allocated", cap(c.out.body))
	}
}

const secret = "correct-horse-battery"

// token is a frame as it follows a SaslHandshake of version 0.
func token(s string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)
}

func TestRawTokens(t *testing.T) {
	for _, piece := range []int{1, 7, 1 << 20} {
		tap, events := newTap(t, Options{})
		s := &script{}
		c := tap.wrap(s, "b:1", 0)
		say := func(out, in []byte) {
			t.Helper()
			send(t, c, out, piece)
			s.toRead = in
			receive(t, c, s, piece)
		}
		hello := &kmsg.SASLHandshakeRequest{Mechanism: "SCRAM-SHA-256"}
		say(request(hello, 1), response(hello.ResponseKind(), 1))
		say(token("n,,n=user,r=nonce"), token("r=nonce,s=salt,i=4096"))
		say(token("c=biws,r=nonce,p="+secret), token("v="+secret))
		say(token("\x00user\x00"+secret), token(""))
		say(token("short"), token("ok"))
		beat := &kmsg.HeartbeatRequest{Group: "g"}
		say(request(beat, 2), response(beat.ResponseKind(), 2))

		if n := tap.sums.unknown.Load(); n != 0 {
			t.Errorf("pieces of %d: %d frames could not be read", piece, n)
		}
		if got := total(tap, kmsg.SASLAuthenticate); got.Requests != 4 || got.Responses != 4 {
			t.Errorf("pieces of %d: tokens are counted as %+v", piece, got)
		}
		if got := events.of(record.EvRequest, record.EvResponse); len(got) != 2 {
			t.Errorf("pieces of %d: after the tokens %d events, want 2", piece, len(got))
		}
		tap.Flush()
		if all := toJSON(t, events.events); strings.Contains(all, secret) || strings.Contains(all, "nonce") {
			t.Errorf("pieces of %d: a token is in the events: %s", piece, all)
		}
	}
}

func TestAuthenticateIsNeverRead(t *testing.T) {
	tap, events := newTap(t, Options{})
	s := &script{}
	c := tap.wrap(s, "b:1", 0)
	for v := int16(0); v <= 2; v++ {
		auth := &kmsg.SASLAuthenticateRequest{Version: v, SASLAuthBytes: []byte("\x00user\x00" + secret)}
		answer := &kmsg.SASLAuthenticateResponse{Version: v, SASLAuthBytes: []byte(secret)}
		send(t, c, request(auth, int32(v)), 5)
		s.toRead = response(answer, int32(v))
		receive(t, c, s, 5)
		if strings.Contains(string(c.out.start[:cap(c.out.start)])+string(c.out.body), secret) {
			t.Errorf("v%d: the secret was stored", v)
		}
	}
	if got := total(tap, kmsg.SASLAuthenticate); got.Requests != 3 || got.Responses != 3 {
		t.Errorf("sums are %+v", got)
	}
	tap.Flush()
	if all := toJSON(t, events.events); strings.Contains(all, secret) {
		t.Errorf("the secret is in the events: %s", all)
	}
}

func TestSumsOfIntervals(t *testing.T) {
	tap, events := newTap(t, Options{})
	a, b := tap.wrap(&script{}, "b:1", 0), tap.wrap(&script{}, "b:2", 0)
	req := &kmsg.MetadataRequest{Version: 1}
	frame := request(req, 1)
	send(t, a, frame, 1<<20)
	send(t, b, frame, 1<<20)
	tap.Flush()
	a.Close()
	a.Close() // counts once
	send(t, b, frame, 1<<20)
	send(t, b, []byte{0x80, 0, 0, 0}, 4)
	tap.Close()
	tap.Close()

	one := int64(len(frame))
	want := []record.Event{
		{T: 4, K: record.EvWire, From: 1, Opened: 2, Open: 2, Wire: []record.WireAPI{{API: 3, Requests: 2, ReqBytes: 2 * one}}},
		{T: 6, K: record.EvWire, From: 4, Open: 1, Unknown: 1, Wire: []record.WireAPI{{API: 3, Requests: 1, ReqBytes: one}}},
	}
	if diff := cmp.Diff(want, events.of(record.EvWire)); diff != "" {
		t.Errorf("sums differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]record.WireAPI{{API: 3, Requests: 3, ReqBytes: 3 * one}}, totals(tap)); diff != "" {
		t.Errorf("totals differ (-want +got):\n%s", diff)
	}
}

// unsampled is a connection on which nothing is sampled but what comes first, and a
// Produce and a Fetch with their responses for it.
func unsampled(t testing.TB) (s *script, c *conn, out, in []byte) {
	tap, _ := newTap(t, Options{Every: 1 << 30})
	s = &script{written: make([]byte, 0, 1<<20)}
	p := produce(9, -1, batch(100, 10_000, 0))
	f := &kmsg.FetchRequest{Version: 11}
	out = append(request(p, 1), request(f, 2)...)
	in = append(response(p.ResponseKind(), 1), response(f.ResponseKind(), 2)...)
	return s, tap.wrap(s, "b:1", 0), out, in
}

func TestUnsampledFramesAllocateNothing(t *testing.T) {
	s, c, out, in := unsampled(t)
	buf := make([]byte, 1<<10)
	run := func() {
		s.written = s.written[:0]
		for half := range 2 { // in two pieces, as kafka-go writes
			c.Write(out[half*len(out)/2 : (half+1)*len(out)/2])
		}
		s.toRead = in
		for len(s.toRead) > 0 {
			c.Read(buf)
		}
	}
	run()
	if n := testing.AllocsPerRun(1000, run); n != 0 {
		t.Errorf("%v allocations for two requests and their responses, want 0", n)
	}
}

// FuzzParser feeds anything in both directions: nothing may panic, and every
// byte must come through.
func FuzzParser(f *testing.F) {
	out, in := conversation()
	f.Add(out, in, uint16(1<<15))
	f.Add(out[:2000], in[:2000], uint16(1))
	f.Add(request(&kmsg.SASLHandshakeRequest{}, 1), token(secret), uint16(3))
	f.Add(request(produce(9, 0, batch(1, 1, 0)), 1), []byte{}, uint16(7))
	for _, v := range []int16{3, 8, 9, 13} {
		p, _ := full(v)
		f.Add(request(p, 1), []byte{}, uint16(90))
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, []byte{0, 0, 0, 0}, uint16(2))
	for _, x := range exchanges() {
		f.Add(request(x.req, 1), response(x.resp, 1), uint16(50))
	}
	f.Fuzz(func(t *testing.T, out, in []byte, piece uint16) {
		tap, events := newTap(t, Options{Every: 2})
		s := &script{toRead: bytes.Clone(in)}
		c := tap.wrap(s, "b:1", 0)
		n := int(piece) + 1
		send(t, c, bytes.Clone(out), n)
		if got := receive(t, c, s, n); !bytes.Equal(got, in) {
			t.Error("read bytes were changed")
		}
		if !bytes.Equal(s.written, out) {
			t.Error("written bytes were changed")
		}
		got := batched(tap)
		whole, _ := newTap(t, Options{})
		send(t, whole.wrap(&script{}, "b:1", 0), out, len(out)+1)
		if want := batched(whole); got != want {
			t.Errorf("%+v are counted in pieces, %+v as a whole", got, want)
		}
		var some record.Batched
		for _, e := range events.of(record.EvProduce) {
			for _, b := range e.Batches {
				some.Add(record.Batched{Batches: 1, Records: int64(b.Records)})
			}
		}
		if some.Batches > got.Batches || some.Records > got.Records {
			t.Errorf("%+v are counted, and %+v decoded", got, some)
		}
	})
}
