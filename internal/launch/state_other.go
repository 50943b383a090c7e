//go:build !linux

package launch

// State is not known here.
func State(int) string { return "" }
