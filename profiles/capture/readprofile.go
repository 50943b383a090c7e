//go:build linux && go1.26 && !go1.27

package capture

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// haveRaw says that this build can read the samples of the runtime itself. It names
// the versions of Go for which that has been tried.
const haveRaw = true

// readProfile returns what was sampled since its last call. The runtime keeps its
// signature for those who take it like this (go.dev/issue/67401). It returns whole
// records, each of these numbers:
//
//	2 + 1 + len(stack), time, count, stack from the leaf to the root
//
// The time is nanotime, and a count of 0 with a stack of one number says that so many
// found no room. The first record holds the rate as its count. The numbers are valid
// until the next call. Where there is nothing it waits, and not for the next sample
// but for half of its megabyte: see poke.
//
//go:linkname readProfile runtime/pprof.readProfile
func readProfile() (data []uint64, tags []unsafe.Pointer, eof bool)

// poke makes a sample of the goroutine that calls it, so that readProfile has something
// to return and does so at once. The runtime takes a signal that no timer of its own
// has sent for a sample too, and handles it before this returns. The sample is known
// by this function in its stack.
//
//go:noinline
func poke() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, _, _ = unix.RawSyscall(unix.SYS_TGKILL, uintptr(os.Getpid()), uintptr(unix.Gettid()), uintptr(unix.SIGPROF))
}
