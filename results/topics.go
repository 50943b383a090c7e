package results

// Topics are the topics of a trial. Inside kbench a partition is one number,
// counted through all of them: those of the first topic from 0, those of each
// later topic after the ones before it. Names, or the ids by which newer requests
// call a topic, are what clients and brokers speak, and Number and Place
// translate. Where there is one topic the number is the partition, whatever the
// topic was called; trials of before the list existed have none, and one topic.
type Topics []Topic

// Topic is a topic and the numbers of its partitions. Those that an act of churn
// adds to it are counted from the beginning.
type Topic struct {
	Name  string `json:"name"`
	ID    string `json:"id,omitempty"` // as events write it: raw URL base64
	First int32  `json:"first"`
	Count int32  `json:"count"`
}

// Number is the number of a partition of a topic, given by name or id; -1 where
// the trial has no such topic.
func (ts Topics) Number(topic string, partition int32) int32 {
	if len(ts) < 2 {
		return partition
	}
	for _, t := range ts {
		if t.Name == topic || t.ID == topic && topic != "" {
			return t.First + partition
		}
	}
	return -1
}

// Place is the topic and the partition behind a number. The number itself and no
// topic are returned where there is no list.
func (ts Topics) Place(number int32) (topic string, partition int32) {
	for _, t := range ts {
		if t.First <= number && number < t.First+t.Count {
			return t.Name, number - t.First
		}
	}
	return "", number
}
