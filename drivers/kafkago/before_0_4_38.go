//go:build kafkago_before_0_4_38 && !kafkago_before_0_4_36

package kafkago

// In v0.4.36 and v0.4.37 a Reader asks its group by a Transport that it makes itself, which
// knows nothing of DialFunc.
func classic() setting {
	return refuse("v0.4.36 and v0.4.37 dial for their group past the dialer that they are given, so that nothing of it could be seen; v0.4.38 does not")
}
