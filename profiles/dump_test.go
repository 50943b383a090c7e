package profiles

import (
	"bytes"
	"runtime/pprof"
	"testing"
)

const someStacks = `goroutine 1 [running]:
main.main()
	/home/x/main.go:10 +0x1d

goroutine 7 [select, 3 minutes]:
github.com/IBM/sarama.(*consumerGroupSession).heartbeatLoop(0xc00021c000)
	/m/sarama/consumer_group.go:950 +0x1c5
created by github.com/IBM/sarama.newConsumerGroupSession in goroutine 5
	/m/sarama/consumer_group.go:100 +0x3

goroutine 12 gp=0xc000002e00 m=nil [chan receive]:
runtime.gopark(0x1, 0x2)
	/go/src/runtime/proc.go:460 +0xce
github.com/kbench/kbench/drivers/faulty.(*lane).Record(0xc000, {0x1, 0x2})
	/k/drivers/faulty/consumer.go:214 +0x3
github.com/kbench/kbench/drivers/sarama.(*consumer).ConsumeClaim(...)
	/k/drivers/sarama/consumer.go:100 +0x3

goroutine 13 [sleep]:
time.Sleep(0x12)
	/go/src/runtime/time.go:300 +0x3
example.org/mine.(*c).Close(0x1)
	/x:1 +0x1
github.com/kbench/kbench/internal/worker.(*session).closing(0xc000)
	/k/internal/worker/stuck.go:80 +0x1

goroutine 14 [select]:
internal/poll.runtime_pollWait(0x1)
	/go/src/a.go:1 +0x1
github.com/kbench/kbench/drivers/sarama.(*consumer).ConsumeClaim(...)
	/k/drivers/sarama/consumer.go:90 +0x3
`

func TestAccused(t *testing.T) {
	f := func(stacks string, closed bool, frame, state string) {
		t.Helper()
		g, got := Accused(ReadDump([]byte(stacks)), closed)
		if frame == "" {
			if g != nil {
				t.Errorf("%s is accused", got)
			}
			return
		}
		if g == nil || got != frame || g.State != state {
			t.Errorf("accused is %s of %v, want %s (%s)", got, g, frame, state)
		}
	}
	blocks := bytes.Split([]byte(someStacks), []byte("\n\n"))
	only := func(n ...int) string {
		var kept [][]byte
		for _, i := range n {
			kept = append(kept, blocks[i])
		}
		return string(bytes.Join(kept, []byte("\n\n")))
	}
	f(someStacks, false, "github.com/kbench/kbench/drivers/faulty.(*lane).Record", "chan receive")
	f(someStacks, true, "example.org/mine.(*c).Close", "sleep")
	f(only(0, 1, 4), false, "github.com/kbench/kbench/drivers/sarama.(*consumer).ConsumeClaim", "select")
	f(only(0, 1), false, "github.com/IBM/sarama.(*consumerGroupSession).heartbeatLoop", "select, 3 minutes")
	f(only(0), false, "", "")
	f("", true, "", "")
}

// The runtime writes what is read.
func TestReadDump(t *testing.T) {
	wait, done := make(chan int), make(chan int)
	go func() { <-wait; close(done) }()
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
		t.Fatal(err)
	}
	close(wait)
	<-done
	all, here := ReadDump(b.Bytes()), false
	for _, s := range all {
		for _, f := range s.Frames {
			here = here || f == "github.com/kbench/kbench/profiles.TestReadDump"
		}
	}
	if len(all) < 2 || !here {
		t.Errorf("of\n%s\n%v was read", b.String(), all)
	}
}

func FuzzReadDump(f *testing.F) {
	f.Add([]byte(someStacks), true)
	f.Fuzz(func(t *testing.T, data []byte, closed bool) {
		if s, frame := Accused(ReadDump(data), closed); s != nil && frame == "" {
			t.Error("somebody without a name is accused")
		}
	})
}
