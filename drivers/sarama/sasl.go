package sarama

import (
	"fmt"

	client "github.com/IBM/sarama"
	"github.com/xdg-go/scram"

	"github.com/kbench/kbench/drivers"
)

// authenticate sets the credentials. The client has no SCRAM of its own and
// leaves the choice of a library to its user.
func authenticate(c *client.Config, s *drivers.SASL) error {
	if s == nil {
		return nil
	}
	c.Net.SASL.Enable = true
	c.Net.SASL.User, c.Net.SASL.Password = s.User, s.Password
	c.Net.SASL.Mechanism = client.SASLMechanism(s.Mechanism)
	switch s.Mechanism {
	case client.SASLTypePlaintext:
	case client.SASLTypeSCRAMSHA256:
		c.Net.SASL.SCRAMClientGeneratorFunc = func() client.SCRAMClient { return &conversation{hash: scram.SHA256} }
	case client.SASLTypeSCRAMSHA512:
		c.Net.SASL.SCRAMClientGeneratorFunc = func() client.SCRAMClient { return &conversation{hash: scram.SHA512} }
	default:
		return fmt.Errorf("sasl: unknown mechanism %q, use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
	}
	return nil
}

// conversation is one SCRAM authentication.
type conversation struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

func (c *conversation) Begin(user, password, authzID string) error {
	cl, err := c.hash.NewClient(user, password, authzID)
	if err != nil {
		return fmt.Errorf("sasl: scram: %w", err)
	}
	c.ClientConversation = cl.NewConversation()
	return nil
}
