// Package regular opens files that somebody else may have put there: only regular
// ones, and none longer than its reader can take. A named pipe would hang who opens
// it, a device may do anything, and a file that is nearly all hole is read for hours.
//
// It looks before it opens, and again at what was opened. It knows no format: how long
// a file may be is for its reader to say.
package regular

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// sparseFrom is the length from which on a file is looked at for what of it is there
// at all, and sparseShare what share of it has to be. What a worker that was killed had
// reserved is on the disk.
const (
	sparseFrom  = 64 << 20
	sparseShare = 64
)

// Open opens a file to read it. A link is followed, and held to the same.
func Open(path string, most int64) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := fits(path, info, most); err != nil {
		return nil, err
	}
	// Should it have been exchanged since, a pipe does not hang here.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = fits(path, info, most)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Read returns what is in a file.
func Read(path string, most int64) ([]byte, error) {
	f, err := Open(path, most)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// A file may grow, and those of /proc do not say how long they are.
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: it has more than %d bytes, and no more are read; check the path", path, most)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// lineMost is how long a line may be.
const lineMost = 16 << 20

// Lines calls fn for each line of a file that is not blank, with its number from 1 and
// without blanks around it, until fn returns an error. A line is valid until fn
// returns. torn says that it is the last and has no end: its writer may have been killed.
func Lines(f *os.File, fn func(n int, line []byte, torn bool) error) error {
	r := bufio.NewReaderSize(f, 64<<10)
	var line []byte
	for n := 1; ; n++ {
		line = line[:0]
		var part []byte
		var err error
		for err = bufio.ErrBufferFull; errors.Is(err, bufio.ErrBufferFull); {
			part, err = r.ReadSlice('\n')
			if line = append(line, part...); len(line) > lineMost {
				return fmt.Errorf("%s:%d: the line has more than %d bytes", f.Name(), n, lineMost)
			}
		}
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return err
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			if err := fn(n, text, end); err != nil {
				return err
			}
		}
		if end {
			return nil
		}
	}
}

// fits says why a file is not to be read.
func fits(path string, info fs.FileInfo, most int64) error {
	size := info.Size()
	what := ""
	switch mode := info.Mode(); {
	case mode.IsRegular():
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	default:
		what = "something else"
	}
	if what != "" {
		return fmt.Errorf("%s: it is %s, not a regular file; write what it holds to a file, and the path of that", path, what)
	}
	if size > most {
		return fmt.Errorf("%s: it has %d bytes, and at most %d are read; check the path", path, size, most)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && size > sparseFrom && st.Blocks*512 < size/sparseShare {
		return fmt.Errorf("%s: it is %d bytes long, of which only %d are there: the rest is a hole", path, size, st.Blocks*512)
	}
	return nil
}
