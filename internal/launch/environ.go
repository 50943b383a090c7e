package launch

import (
	"os"
	"slices"
	"strings"
)

// credentials is what the names of variables begin with that hold how this process
// reaches a cluster. Others are told what they need of it, and never by these.
const credentials = "KBENCH_SASL_"

// workers are told of the machine and of nothing else: where programs, temporary
// files, authorities and shared libraries are (a driver may need some), and the
// language. A user's own driver gets what begins with KBENCH_.
var workers = []string{
	"GOCOVERDIR", "HOME", "LANG", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ", "USER",
}

// WorkerEnviron is what of this process's environment a worker gets, which runs
// the code of a client. The secrets of a shell are none of its business.
func WorkerEnviron() []string { return workerEnviron(os.Environ()) }

func workerEnviron(all []string) (kept []string) {
	for _, kv := range withoutCredentials(all) {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains(workers, name) || strings.HasPrefix(name, "LC_") || strings.HasPrefix(name, "KBENCH_") {
			kept = append(kept, kv)
		}
	}
	return kept
}

// BrokerEnviron is what a broker gets. Java, Maven and proxies are told much in
// ways of their own, so it is all but the credentials.
func BrokerEnviron() []string { return withoutCredentials(os.Environ()) }

func withoutCredentials(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(kv string) bool { return strings.HasPrefix(kv, credentials) })
}
