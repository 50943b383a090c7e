package cli_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kbench/kbench/cmd/kbench/cli"
)

func served(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: served PATTERN LINK ARG...")
	}
	cmd := command(ts, args[2:])
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	address := ""
	for lines := bufio.NewScanner(out); address == "" && lines.Scan(); {
		address = regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(lines.Text())
	}
	if address == "" {
		_ = cmd.Wait()
		ts.Fatalf("it ended without an address")
	}
	index, err := page(address)
	link := regexp.MustCompile(`href="(` + regexp.QuoteMeta(args[1]) + `[^"]*)"`).FindStringSubmatch(index)
	if err == nil && link != nil {
		_, err = page(address + link[1])
	}
	rebound := "not asked"
	if err == nil {
		rebound, err = under(address, "rebound.example")
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	if got := exitCode(ts, cmd.Wait()); got != cli.ExitOK {
		ts.Fatalf("it ended with %d, want 0", got)
	}
	ts.Check(err)
	if rebound != http.StatusText(http.StatusForbidden) {
		ts.Fatalf("under another name of this machine it answers %s", rebound)
	}
	if link == nil || !regexp.MustCompile(args[0]).MatchString(index) {
		ts.Fatalf("no %q, or no link to %s, in\n%s", args[0], args[1], index)
	}
}

// under is with which status an address answers who calls this machine by a name.
func under(url, host string) (string, error) {
	ask, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	ask.Host = host
	r, err := http.DefaultClient.Do(ask)
	if err != nil {
		return "", err
	}
	return http.StatusText(r.StatusCode), r.Body.Close()
}

// page is what an address answers.
func page(url string) (string, error) {
	r, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, r.Status, body)
	}
	return string(body), err
}
