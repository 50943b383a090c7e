package evidence

import (
	"errors"
	"io/fs"
	"path"

	"github.com/kbench/kbench/internal/regular"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
)

// Profile is a profile of a worker as its file has it; nil where there is none, or
// where it is not as it was written, which Beside says.
func (e *Trial) Profile(w *Worker, k profiles.Kind) ([]byte, error) {
	name := path.Join(w.Name, results.ProfilesDir, k.FileName())
	if e.beside(name) {
		return nil, nil
	}
	at, err := e.raw(w.Name, path.Join(results.ProfilesDir, k.FileName()))
	var data []byte
	if err == nil {
		data, err = regular.Read(at, results.RawMost)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, e.damage(w.Name, path.Join(results.ProfilesDir, k.FileName()), err)
	}
	return data, nil
}
