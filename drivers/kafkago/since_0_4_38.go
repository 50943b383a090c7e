//go:build !kafkago_before_0_4_38 || kafkago_before_0_4_36

package kafkago

func classic() setting { return exact("the only one", "classic", nil) }
