//go:build !kafkago_before_0_4_38 || kafkago_before_0_4_36

package kafkago

// A Reader opens all its connections by the dialer that it is given.
const dialsPast = false

func classic() setting { return exact("the only one", "classic", nil) }
