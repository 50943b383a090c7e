// Package record writes and reads the raw files of a worker: deliveries.bin
// (which records were acked or delivered, and when), latency.hlog (how long
// that took) and events.jsonl (what else happened).
//
// It is the hot path of the harness. Goroutines that handle records share no
// lock and allocate nothing per record: each partition has its own SpanLane and
// its own Series per metric, used by one goroutine at a time. What one record
// costs here is a tax on every client under test, so it is measured
// (see the timing tests) and printed.
//
// Raw files outlive their writer. A worker is killed in the middle of its work
// on purpose, so whatever it wrote down before it went on must be found by the
// readers, which accept a torn tail.
//
// The package does not interpret: what a span means for loss, order or a pause
// is the business of results/audit and results/window.
package record
