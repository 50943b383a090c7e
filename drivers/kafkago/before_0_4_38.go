//go:build kafkago_before_0_4_38 && !kafkago_before_0_4_36

package kafkago

// In v0.4.36 and v0.4.37 a Reader asks its group by a Transport that it makes itself, which
// knows nothing of DialFunc, but asks the Resolver to which host a connection shall go.
const dialsPast = true

func classic() setting {
	return approx("the only one", "classic", "v0.4.36 and v0.4.37 dial for their group past the dialer that they are given, and are led to it through a door in the worker", nil)
}
