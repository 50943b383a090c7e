package results

import "testing"

func TestTopics(t *testing.T) {
	two := Topics{{Name: "a", ID: "ida", First: 0, Count: 4}, {Name: "b", ID: "idb", First: 4, Count: 2}}
	grown := Topics{{Name: "a", ID: "ida", First: 0, Count: 6}}
	number := func(ts Topics, topic string, partition, want int32) {
		t.Helper()
		if got := ts.Number(topic, partition); got != want {
			t.Errorf("number of %s/%d is %d, want %d", topic, partition, got, want)
		}
	}
	number(two, "a", 3, 3)
	number(two, "b", 1, 5)
	number(two, "idb", 0, 4)
	number(two, "c", 0, -1)
	number(two, "", 0, -1)
	number(grown, "a", 5, 5)
	number(grown, "whatever it is called", 5, 5) // events of a trial with one topic need not be understood
	number(nil, "a", 7, 7)

	place := func(ts Topics, number int32, topic string, partition int32) {
		t.Helper()
		if name, p := ts.Place(number); name != topic || p != partition {
			t.Errorf("place of %d is %s/%d, want %s/%d", number, name, p, topic, partition)
		}
	}
	place(two, 3, "a", 3)
	place(two, 4, "b", 0)
	place(two, 6, "", 6)
	place(grown, 5, "a", 5)
	place(nil, 7, "", 7)
}
