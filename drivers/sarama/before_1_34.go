//go:build sarama_before_1_34

package sarama

func static(string) setting { return refuse("static membership came with v1.34.0") }
