package profiled

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/profiles"
)

// Export writes the merged profile of each set into a directory, which it makes, and for
// each client a default.pgo of all its CPU profiles, which go build takes for one of
// them. It returns the files that it wrote.
func Export(sets []*Set, dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("export profiles: %w", err)
	}
	var files []string
	pgo := map[string][]*profile.Profile{}
	for _, s := range sets {
		p, err := s.Profile()
		if err != nil {
			return files, err
		}
		name := clean(s.Workload) + "." + clean(s.Arm) + "." + clean(string(s.Role))
		if s.Worker != "" {
			name += "." + clean(s.Worker)
		}
		if s.Slice != "" {
			name += "." + clean(s.Slice)
		}
		file := filepath.Join(dir, name+"."+s.Kind.FileName())
		if err := profiles.Save(p, file); err != nil {
			return files, err
		}
		files = append(files, file)
		if s.Kind == profiles.CPU && s.Slice == "" {
			pgo[s.Client] = append(pgo[s.Client], p)
		}
	}
	var clients []string
	for client := range pgo {
		clients = append(clients, client)
	}
	slices.Sort(clients)
	for _, client := range clients {
		p, err := profile.Merge(pgo[client])
		if err != nil {
			return files, fmt.Errorf("merge the CPU profiles of %s: %w", client, err)
		}
		file := filepath.Join(dir, clean(client), "default.pgo")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return files, fmt.Errorf("export profiles: %w", err)
		}
		if err := profiles.Save(p, file); err != nil {
			return files, err
		}
		files = append(files, file)
	}
	return files, nil
}
