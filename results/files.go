package results

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kbench/kbench/internal/regular"
)

// How long a file of a run directory may be: a document, which is held whole, and a
// raw file.
const (
	documentMost = 32 << 20
	RawMost      = 64 << 30
)

// File is a raw file of a trial, as trial.json lists it when the trial is over. By it
// one that is missing, cut or changed is told from one that never was. In old run
// directories there is no list, and nobody can tell.
type File struct {
	Name   string `json:"name"` // below the directory of the trial, with slashes
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Damage is a file of a run directory that is not as it was written, or cannot be what
// it is said to be.
type Damage struct {
	File   string // below the run directory or that of the trial, with slashes
	Offset int64  // where, in bytes; -1: not known
	Why    string
}

func (d *Damage) Error() string {
	if d.Offset < 0 {
		return d.File + ": " + d.Why
	}
	return fmt.Sprintf("%s at byte %d: %s", d.File, d.Offset, d.Why)
}

// Worker is whose file it is; empty for one of the trial or of the run.
func (d *Damage) Worker() string {
	worker, _, below := strings.Cut(d.File, "/")
	if !below {
		return ""
	}
	return worker
}

// Files lists the raw files of a trial that is over, by name.
func (d *Dir) Files(ref TrialRef) ([]File, error) {
	root := d.TrialPath(ref)
	files := []File{} // never nil: a trial without any has a list too
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || strings.HasSuffix(path, tmpSuffix) {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == TrialFile || name == PausesFile || name == CausesFile || name == SplitFile {
			return err
		}
		s, err := d.sums.of(path, RawMost)
		if err != nil {
			return err
		}
		files = append(files, File{Name: filepath.ToSlash(name), Bytes: s.bytes, SHA256: hex.EncodeToString(s.sha256[:])})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the raw files of trial %d: %w", ref.N, err)
	}
	return files, nil
}

// Check says what is wrong with a file of a trial, nil where it is as it was written.
func (d *Dir) Check(ref TrialRef, f File) *Damage {
	wrong := func(offset int64, format string, args ...any) *Damage {
		return &Damage{f.Name, offset, fmt.Sprintf(format, args...)}
	}
	if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
		return wrong(-1, "it is not below the directory of the trial")
	}
	path := filepath.Join(d.TrialPath(ref), filepath.FromSlash(f.Name))
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wrong(-1, "it is missing")
	case err == nil && info.Mode().IsRegular() && info.Size() < f.Bytes:
		return wrong(info.Size(), "it is cut off: %d bytes were written", f.Bytes)
	case err == nil && info.Mode().IsRegular() && info.Size() > f.Bytes:
		return wrong(f.Bytes, "it goes on for %d bytes that were never written", info.Size()-f.Bytes)
	}
	s, err := d.sums.of(path, f.Bytes)
	switch {
	case err != nil:
		return wrong(-1, "%v", withoutPath(err, path))
	case hex.EncodeToString(s.sha256[:]) != f.SHA256:
		return wrong(-1, "its contents are not what was written: its SHA-256 is another")
	}
	return nil
}

// withoutPath is an error that does not say the path once more.
func withoutPath(err error, path string) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return errors.New(strings.TrimPrefix(err.Error(), path+": "))
}

// sums are those of the contents of files, each computed once as long as it stays as
// it is: what a run has just written need not be read again to be shown.
type sums struct {
	mu    sync.Mutex
	known map[fileState]func() (sum, error)
}

type sum struct {
	bytes  int64
	sha256 [sha256.Size]byte
}

type fileState struct {
	path    string
	bytes   int64
	changed time.Time
}

// of is the sum of a file that has at most so many bytes.
func (s *sums) of(path string, most int64) (sum, error) {
	f, err := regular.Open(path, most)
	if err != nil {
		return sum{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return sum{}, err
	}
	state := fileState{path, info.Size(), info.ModTime()}
	s.mu.Lock()
	compute := s.known[state]
	if compute == nil {
		compute = sync.OnceValues(func() (sum, error) {
			h := sha256.New()
			n, err := io.Copy(h, io.LimitReader(f, most))
			return sum{n, [sha256.Size]byte(h.Sum(nil))}, err
		})
		if s.known == nil {
			s.known = map[fileState]func() (sum, error){}
		}
		s.known[state] = compute
	}
	s.mu.Unlock()
	return compute()
}

// A document ends with its own sum, so that a digit which has changed in it is seen:
//
//	...
//	  "sum": "sha256:9f86d0..."
//	}
//
// It is the SHA-256 of the document's name, a newline, and the document as it would
// stand without that line.
const (
	sumBefore = ",\n  \"sum\": \"sha256:"
	sumAfter  = "\"\n}\n"
	documents = "\n}\n" // how they end
)

// sumOf is the sum of a document.
func sumOf(name string, body []byte) string {
	h := sha256.Sum256(slices.Concat([]byte(name+"\n"), body, []byte(documents)))
	return hex.EncodeToString(h[:])
}

// seal adds the sum to a document.
func seal(name string, data []byte) []byte {
	body, ok := bytes.CutSuffix(data, []byte(documents))
	if !ok {
		return data
	}
	return slices.Concat(body, []byte(sumBefore+sumOf(name, body)+sumAfter))
}

// unseal says whether a document has a sum, and whether it is that of the document.
func unseal(name string, data []byte) (sealed, ok bool) {
	at := bytes.LastIndex(data, []byte(sumBefore))
	if at < 0 {
		return false, false
	}
	sum, ok := bytes.CutSuffix(data[at+len(sumBefore):], []byte(sumAfter))
	if !ok {
		return true, false
	}
	return true, sumOf(name, data[:at]) == string(sum)
}

// readDocument reads a document of the run directory. What is wrong with it is a
// Damage, but for one that is not there.
func readDocument(path string, v any) (sealed bool, err error) {
	wrong := func(offset int64, why string) error {
		return &Damage{filepath.Base(path), offset, why}
	}
	data, err := regular.Read(path, documentMost)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, err
	case err != nil:
		return false, wrong(-1, withoutPath(err, path).Error())
	}
	if err := json.Unmarshal(data, v); err != nil {
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			return false, wrong(syntax.Offset, "decode: "+err.Error())
		case errors.As(err, &kind):
			return false, wrong(kind.Offset, "decode: "+err.Error())
		}
		return false, wrong(-1, "decode: "+err.Error())
	}
	sealed, ok := unseal(filepath.Base(path), data)
	if sealed && !ok {
		return true, wrong(-1, "it was changed after it was written: its sum is another")
	}
	return sealed, nil
}
