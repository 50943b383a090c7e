package drivers

// Clients count the bytes of a batch in different ways, so the same number of
// bytes gives each of them another number of records. The functions here count
// as the wire does; a driver turns their number of records into its client's
// own limit, and then the largest batch holds the same records for every client.

// BatchOverhead is the length of a record batch (format v2) without records.
const BatchOverhead = 61

// RecordSize is the length on the wire of a record without headers that has
// offsetDelta records before it in its batch. Its timestamp is taken to be
// within 63 ms of the first one's, which holds while a batch fills at full
// speed; a slower batch spends one byte more per record.
func RecordSize(key, value, offsetDelta int) int {
	const attributes, timestampDelta, headers = 1, 1, 1
	body := attributes + timestampDelta + varintLen(offsetDelta) +
		varintLen(key) + key + varintLen(value) + value + headers
	return varintLen(body) + body
}

// BatchSize is the length on the wire of a batch of n such records, before
// compression.
func BatchSize(n, key, value int) int {
	size := BatchOverhead
	for from := 0; from < n; {
		// Records are equal as long as the offset delta takes as many bytes.
		to := min(n, 1<<(7*varintLen(from)-1))
		size += (to - from) * RecordSize(key, value, from)
		from = to
	}
	return size
}

// RecordsIn is how many such records a batch of at most size bytes holds, and
// at least 1: no limit keeps a record from being sent.
func RecordsIn(size, key, value int) int {
	n := 0
	for used := BatchOverhead; used < size; {
		end := 1 << (7*varintLen(n) - 1)
		each := RecordSize(key, value, n)
		fit := min(end-n, (size-used)/each)
		n += fit
		used += fit * each
		if n < end {
			break
		}
	}
	return max(n, 1)
}

// BatchLimit is the most records that a batch may hold for these settings: the
// number asked for, and no more than fit into the bytes asked for. It is the same
// for every client.
func (s Settings) BatchLimit() int {
	fit := RecordsIn(s.Produce.BatchBytes, s.KeyBytes, s.RecordBytes-s.KeyBytes)
	if s.Produce.BatchRecords > 0 && s.Produce.BatchBytes > 0 {
		return min(s.Produce.BatchRecords, fit)
	}
	return max(s.Produce.BatchRecords, fit)
}

// Varies says whether records differ in length, so that a limit in bytes can
// only be true to a number of records on average.
func (s Settings) Varies() bool { return s.RecordMax > s.RecordBytes }

// varintLen is the length of a non-negative number as a zigzag varint.
func varintLen(v int) int {
	n := 1
	for u := uint64(v) << 1; u >= 0x80; u >>= 7 {
		n++
	}
	return n
}
