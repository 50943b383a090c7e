package compare

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// Seeded draws the same for the same values.
func Seeded(of ...any) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", fmt.Sprint(of...)))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])))
}
