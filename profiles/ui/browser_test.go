package ui

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestInBrowser: a browser draws the flame graph of each mount, and of a difference.
// KBENCH_CHROMIUM is the browser.
func TestInBrowser(t *testing.T) {
	browser := os.Getenv("KBENCH_CHROMIUM")
	if browser == "" {
		t.Skip("needs a browser: KBENCH_CHROMIUM=chromium")
	}
	url, _ := site(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	boxes := regexp.MustCompile(`<div class="boxtext[^>]*>([^<]*)<`)
	for path, want := range map[string][]string{
		"/w/franz-go/cpu/flamegraph": {"encodeFranz", "Send"},
		"/w/sarama/cpu/flamegraph":   {"encodeSarama", "Send"},
		"/diff/cpu/flamegraph":       {"new", "old", "Send"},
	} {
		cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=5000", "--dump-dom", url+path)
		cmd.WaitDelay = time.Second
		dom, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var drawn []string
		for _, m := range boxes.FindAllSubmatch(dom, -1) {
			drawn = append(drawn, string(m[1]))
		}
		all := strings.Join(drawn, " | ")
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: no box of %q is drawn, only %s", path, w, all)
			}
		}
	}
}
