package cli_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kbench/kbench/cmd/kbench/cli"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/sarama"
)

var planned = regexp.MustCompile(`(?m)^ +kbench (plan .*\S) +# (\d+ trials, about \S+)$`)

// What README.md says that a decision takes is what plan says.
func TestReadmePlans(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := planned.FindAllStringSubmatch(string(text), -1)
	if len(lines) < 5 {
		t.Fatalf("%d plans are in README.md", len(lines))
	}
	for _, l := range lines {
		var out, errOut bytes.Buffer
		code := cli.Run(strings.Fields(l[1]), strings.NewReader(""), &out, &errOut, franzgo.New(), sarama.New(), kafkago.New())
		if first, _, _ := strings.Cut(out.String(), "\n"); code != 0 || !strings.HasPrefix(first, l[2]+", seed ") {
			t.Errorf("kbench %s: %d %q, README.md says %q\n%s", l[1], code, first, l[2], errOut.String())
		}
	}
}
