package launch

import (
	"slices"
	"testing"
)

func TestEnvironHasNoSecrets(t *testing.T) {
	all := []string{
		"PATH=/bin", "LC_ALL=C", "KBENCH_SASL_PASSWORD=secret", "KBENCH_SASL_USER=me", "KBENCH_MINE=1", "CLOUD_SECRET_KEY=secret", "GOGC=10", "JAVA_HOME=/java",
	}
	if got, want := workerEnviron(all), []string{"PATH=/bin", "LC_ALL=C", "KBENCH_MINE=1"}; !slices.Equal(got, want) {
		t.Errorf("a worker gets %q, want %q", got, want)
	}
	want := []string{"PATH=/bin", "LC_ALL=C", "KBENCH_MINE=1", "CLOUD_SECRET_KEY=secret", "GOGC=10", "JAVA_HOME=/java"}
	if got := withoutCredentials(all); !slices.Equal(got, want) {
		t.Errorf("a broker gets %q, want %q", got, want)
	}
}
