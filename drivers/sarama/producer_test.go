package sarama

import (
	"errors"
	"strings"
	"testing"

	client "github.com/IBM/sarama"

	"github.com/kbench/kbench/drivers"
)

// answering is a client that answers as a test wants.
type answering struct {
	client.AsyncProducer
	well chan *client.ProducerMessage
	ill  chan *client.ProducerError
}

func (a *answering) Successes() <-chan *client.ProducerMessage { return a.well }
func (a *answering) Errors() <-chan *client.ProducerError      { return a.ill }

// TestAnswersForNobody: answers for messages that the client was not given are its fault,
// each of which is told; those around them are acks as ever.
func TestAnswersForNobody(t *testing.T) {
	a := &answering{well: make(chan *client.ProducerMessage), ill: make(chan *client.ProducerError)}
	acked, faults := map[*drivers.Msg]error{}, []string{}
	p := &producer{
		client: a, done: make(chan struct{}),
		ack:   func(m *drivers.Msg, err error) { acked[m] = err },
		fault: func(err error) { faults = append(faults, err.Error()) },
	}
	go p.drain()
	first, second, third := &drivers.Msg{}, &drivers.Msg{}, &drivers.Msg{}
	refused := errors.New("refused")
	a.well <- &client.ProducerMessage{Metadata: first, Offset: 7}
	a.well <- &client.ProducerMessage{Topic: "t", Partition: 3}
	a.well <- &client.ProducerMessage{Metadata: "another's"}
	a.well <- &client.ProducerMessage{Metadata: second, Offset: 8}
	a.ill <- &client.ProducerError{Msg: &client.ProducerMessage{Topic: "t", Partition: 3}, Err: refused}
	a.ill <- &client.ProducerError{Err: refused}
	a.ill <- &client.ProducerError{Msg: &client.ProducerMessage{Metadata: third}, Err: refused}
	close(a.well)
	close(a.ill)
	<-p.done
	if len(acked) != 3 || acked[first] != nil || acked[second] != nil || acked[third] != refused || first.Offset != 7 || second.Offset != 8 || third.Offset != -1 {
		t.Errorf("acked %v, at %d, %d and %d", acked, first.Offset, second.Offset, third.Offset)
	}
	if len(faults) != 4 || !strings.Contains(faults[0], `of topic "t", partition 3`) {
		t.Errorf("it is said: %q", faults)
	}
	// Where nobody wants to know, nothing breaks.
	p.fault = nil
	if m := p.of(nil); m != nil {
		t.Errorf("%+v", m)
	}
}
