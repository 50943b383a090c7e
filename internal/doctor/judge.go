package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/results"
)

// cores is how many there are, and how many we may use.
func cores(n int, quota float64) Finding {
	f := Finding{What: "cores", Grade: Good, Found: fmt.Sprint(n)}
	switch {
	case quota > 0 && quota < float64(n):
		f.Grade, f.Found = Beware, fmt.Sprintf("%d, of which a control group allows %.1f", n, quota)
		f.Do = "measure outside of the container, or without its CPU limit (cpu.max): who has used his share is stopped until the next tenth of a second"
	case n < 2:
		f.Grade, f.Do = Unfit, "take a machine of 4 cores or more: client, broker and load wait for each other on one"
	case n < 4:
		f.Grade, f.Do = Beware, "broker and load share these with the client: go by cpu.per_record, for rates say how cheap requests are to the broker; attach a broker elsewhere (--brokers), or take 4 cores or more"
	}
	return f
}

func governor(all []string) Finding {
	f := Finding{What: "governor", Grade: Good, Found: strings.Join(all, ", ")}
	switch {
	case len(all) == 0:
		f.Grade, f.Found = Unknown, "not known: there is no cpufreq, as in most virtual machines"
	case !slices.Equal(all, []string{"performance"}):
		f.Grade, f.Do = Beware, "cpupower frequency-set -g performance; else how fast a core is depends on what it did before"
	}
	return f
}

func turbo(s Switch) Finding {
	return switched("turbo", s, "the clock rises while the machine is cool and few cores are busy")
}

func smt(s Switch) Finding {
	return switched("SMT", s, "a core is shared by two threads, each of which is slower while the other works")
}

func switched(what string, s Switch, why string) Finding {
	f := Finding{What: what, Grade: Good, Found: "off"}
	switch {
	case !s.Known:
		f.Grade, f.Found = Unknown, "not known: the kernel does not tell, as in most virtual machines"
	case s.On:
		f.Grade, f.Found, f.Do = Beware, "on: "+why, s.Off
	}
	return f
}

func virtual(is, known bool) Finding {
	f := Finding{What: "machine", Grade: Good, Found: "no hypervisor below"}
	switch {
	case !known:
		f.Grade, f.Found = Unknown, "not known whether a hypervisor lies below"
	case is:
		f.Grade, f.Found, f.Do = Beware, "virtual", "neighbours change it from minute to minute: compare within a run, and keep a canary arm over nights"
	}
	return f
}

// Bounds as trials have them (package fit), and of steal as MEASURING has it.
const (
	mostForeign = 0.1  // cores
	mostSteal   = 0.01 // of the time of all cores
)

func steal(a, b results.MachineSample) Finding {
	f := Finding{What: "steal", Grade: Good}
	total := b.CPUTotal - a.CPUTotal
	if total <= 0 {
		f.Grade, f.Found = Unknown, "not known: /proc/stat does not tell"
		return f
	}
	share := float64(b.CPUSteal-a.CPUSteal) / float64(total)
	if f.Found = fmt.Sprintf("%.1f%% of the time", 100*share); share > mostSteal {
		f.Grade, f.Do = Unfit, "the host gives these cores to others: take a machine with cores of its own"
	}
	return f
}

func load(a, b results.MachineSample, average float64, busy []used) Finding {
	f := Finding{What: "other load", Grade: Good}
	foreign, known := results.Foreign(withOurs(a), withOurs(b))
	if !known || b.T <= a.T {
		f.Grade, f.Found = Unknown, "not known: /proc/stat does not tell"
		return f
	}
	used := max(0, float64(foreign)/float64(b.T-a.T))
	f.Found = fmt.Sprintf("%.2f cores", used)
	if average >= 0 {
		f.Found += fmt.Sprintf(", load average %.2f", average)
	}
	if used <= mostForeign {
		return f
	}
	f.Grade, f.Do = Unfit, "wait until it is over, or end it; trials that it falls on are put out"
	var names []string
	for _, p := range busy {
		names = append(names, fmt.Sprintf("%s (%d)", p.Name, p.PID))
	}
	if len(names) > 0 {
		f.Do += ". Busiest: " + strings.Join(names, ", ")
	}
	return f
}

// withOurs counts what the doctor itself used as kbench's.
func withOurs(s results.MachineSample) results.MachineSample {
	s.Ours = s.Procs["doctor"]
	return s
}

func clock(source string) Finding {
	f := Finding{What: "clock source", Grade: Good, Found: source}
	switch source {
	case "":
		f.Grade, f.Found = Unknown, "not known"
	case "hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit", "xen":
		f.Grade, f.Do = Beware, "each look at the clock is a call of the kernel, and every record has some: boot with clocksource=tsc if the processor has a steady one"
	}
	return f
}

const gib = 1 << 30

func memory(available int64) Finding {
	f := Finding{What: "memory", Grade: Good, Found: fmt.Sprintf("%.1f GiB to be had", float64(available)/gib)}
	switch {
	case available == 0:
		f.Grade, f.Found = Unknown, "not known"
	case available < 2*gib:
		f.Grade, f.Do = Beware, "an embedded broker keeps records in memory, and three nodes of Apache Kafka want 3 GiB: end what has it"
	}
	return f
}

func disk(place Place, flushes []time.Duration) Finding {
	f := Finding{What: "disk", Grade: Good, Found: place.Dir}
	if place.Free > 0 {
		f.Found += fmt.Sprintf(", %.0f GiB free", float64(place.Free)/gib)
	}
	switch {
	case len(flushes) == 0:
		f.Grade, f.Found, f.Do = Unfit, f.Found+", cannot be written", "choose another directory with TMPDIR"
		return f
	case place.Free > 0 && place.Free < 10*gib:
		f.Grade, f.Do = Beware, "a node of Apache Kafka takes 5 GB in an hour at rate max: make room"
	}
	slices.Sort(flushes)
	usual := flushes[len(flushes)/2]
	f.Found += fmt.Sprintf(", a page is on it after %s", usual.Round(10*time.Microsecond))
	if usual > 20*time.Millisecond {
		f.Grade, f.Do = Beware, "whatever waits for the disk waits long: measure with the log on an SSD, or on tmpfs"
	}
	return f
}

func files(soft, hard int64) Finding {
	f := Finding{What: "open files", Grade: Good, Found: fmt.Sprint(soft)}
	switch {
	case soft == 0:
		f.Grade, f.Found = Unknown, "not known"
	case soft == Unlimited:
		f.Found = "unlimited"
	case soft < 4096:
		f.Grade, f.Do = Beware, fmt.Sprintf("ulimit -n %d; large groups and topics of many partitions take some thousand", min(hard, 65536))
	}
	return f
}

// mostCanary is by how much a fixed piece of work may take longer, as in package fit.
const mostCanary = 0.1

func canary(took []int64) Finding {
	sorted := slices.Sorted(slices.Values(took))
	low, middle, high := sorted[len(sorted)/10], sorted[len(sorted)/2], sorted[len(sorted)*9/10]
	wide := float64(high-low) / float64(middle)
	f := Finding{What: "canary", Grade: Good}
	f.Found = fmt.Sprintf("a fixed piece of work takes %s, eight of ten times within %.1f%%", time.Duration(middle).Round(100*time.Microsecond), 100*wide)
	switch {
	case wide > mostCanary:
		f.Grade, f.Do = Unfit, "the processor is not the same from one second to the next, and trials before which it is 10% off are put out: see what stands above of load, steal, governor and turbo"
	case wide > mostCanary/2:
		f.Grade, f.Do = Beware, "it takes more rounds: see what stands above of load, steal, governor and turbo"
	}
	return f
}
