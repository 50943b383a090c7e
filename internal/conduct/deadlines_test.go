package conduct

import (
	"math"
	"testing"
	"time"
)

// What moves records has as long as there are records.
func TestDeadlinesGrowWithTheRecords(t *testing.T) {
	f := func(got, want time.Duration) {
		t.Helper()
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	d := Deadlines{}.normal()
	f(d.transfer(0), 10*time.Minute)
	f(d.transfer(1_200_000), 11*time.Minute)
	f(d.transfer(total(map[int32]int64{0: 36_000_000, 7: 36_000_000})), 70*time.Minute)
	f(Deadlines{Transfer: time.Second}.normal().transfer(40_000), 3*time.Second)
	f(handling(100_000, 0), 5*time.Second)
	f(handling(100_000, 2*time.Millisecond), 205*time.Second)
	if d.transfer(math.MaxInt64) < 24*time.Hour || handling(math.MaxInt64, time.Hour) < 24*time.Hour {
		t.Error("a limit has run over")
	}
}
