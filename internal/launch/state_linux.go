package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// State says in words what a process of this host is doing: the state of each of its
// threads, and where in the kernel it waits. It is empty where there is no such process.
func State(pid int) string {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	var out []string
	for _, task := range tasks {
		stat, err := os.ReadFile(filepath.Join(task, "stat"))
		if err != nil {
			continue
		}
		// The name, in parentheses, may hold anything.
		rest := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
		state, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		where, _ := os.ReadFile(filepath.Join(task, "wchan"))
		out = append(out, strings.TrimSuffix(state+" "+string(where), " "))
	}
	return strings.Join(out, ", ")
}
