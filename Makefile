# CI runs lint, test, race and kafka. "make" alone lists the targets.
GO ?= go
MINUTES ?= 15,30,60

# needs ends a target that lacks a program ($(1)) and says what brings it ($(2)).
needs = @command -v $(1) >/dev/null 2>&1 || { echo "make $@ needs $(1), which is not here: $(2)" >&2; exit 1; }
jdk = a JDK, 17 or later (Debian, Ubuntu: apt-get install default-jre-headless)

.PHONY: help build test race bench tax sizes floors knees sweep hour captures browser ledgers burn lint vuln fuzz damage kafka theirs sigkill answers versions

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## build bin/kbench
	$(GO) build -buildvcs=auto -o bin/kbench ./cmd/kbench

test: ## the tests that need nothing but Go
	$(GO) test ./...

race: ## the same under the race detector, but for what only reads the tree, runs README's commands, simulates or builds (OF: packages; BUT: tests to leave out)
	$(call needs,$(word 1,$(shell $(GO) env CC)),the race detector links with a C compiler (Debian, Ubuntu: apt-get install gcc libc6-dev))
	CGO_ENABLED=1 $(GO) test -race -timeout 40m -skip '^(TestFalseAlarms|TestPower|TestInterval|TestSequence|TestSequenceBaseline|TestPilot|TestCovers)$$|^TestScript$$/^(versions|bisect|replay|compare|gate|plan|list|header|workloads|help)$$$(if $(value BUT),|$(value BUT))' $$($(GO) list $(or $(OF),./...) | grep -vx "$$($(GO) list .)")

bench: ## the hot paths, then the harness tax
	$(GO) test -run '^$$' -bench . -benchmem ./results/record ./workloads/... ./internal/wire ./internal/worker ./drivers/loopback
	$(MAKE) tax

tax: ## kbench against the barest honest loop (35 minutes; Apache Kafka, 20 GB of disk)
	$(call needs,java,$(jdk))
	$(GO) run ./scripts/tax --nodes 1

floors: build ## do measured floors follow their law? (8 minutes a client; CLIENT=franz-go,sarama,kafka-go)
	run=runs/floors-$$(date +%Y%m%d-%H%M%S); \
	  bin/kbench run churn-floors --client $(or $(CLIENT),franz-go) --out $$run; ran=$$?; \
	  $(GO) run ./scripts/floors $$run && exit $$ran

knees: ## is a known limit found, and do five searches of the clients' knees agree? (40 minutes; SEARCHES=5, OF=end-to-end with SLO, FROM, MEASURE; leave the machine alone)
	mkdir -p bin && $(GO) build -o bin/knees ./scripts/knees && bin/knees -searches $(or $(SEARCHES),5) $(if $(OF),-of $(OF)) $(if $(SLO),-slo "$(SLO)") $(if $(FROM),-from $(FROM)) $(if $(MEASURE),-measure $(MEASURE))

sweep: build ## from which loss on does a group lose members? (two hours; Apache Kafka; CLIENT=franz-go,sarama,kafka-go; leave the machine alone)
	run=runs/sweep-$$(date +%Y%m%d-%H%M%S); \
	  bin/kbench run net-sweep --broker kafka --client $(or $(CLIENT),franz-go,sarama,kafka-go) --out $$run; ran=$$?; \
	  $(GO) run ./scripts/sweep $$run && exit $$ran

hour: ## an hour of 100,000 records/s, quiet and with churn: time and memory of its report (10 minutes; 4 GB of disk in TMPDIR; leave the machine alone)
	KBENCH_HOUR=$(MINUTES) $(GO) test -count=1 -timeout 40m -run TestHour -v ./results/evidence

captures: build ## what each kind of capture costs the one it is taken of, in pairs (600 short trials, about an hour; leave the machine alone)
	$(GO) run ./scripts/captures --kbench bin/kbench -- --set phases.warmup=500ms --set phases.measure=2s --set phases.drain=10s

browser: ## are flame graphs drawn? (BROWSER=chromium)
	$(call needs,$(or $(BROWSER),chromium),headless Chromium draws the pages (Debian, Ubuntu: apt-get install chromium))
	KBENCH_CHROMIUM=$(or $(BROWSER),chromium) $(GO) test -count=1 -run TestInBrowser -v ./profiles/ui

ledgers: ## do the rules of cost layers hold for settings that they were not made on? (3 minutes)
	dir=$$(mktemp -d); KBENCH_HELDOUT=$$dir $(GO) test -count=1 -run TestProfilesToHoldOut ./internal/conduct && \
	  KBENCH_LEDGERS=$$dir/tls/run,$$dir/snappy/run,$$dir/partitions/run,$$dir/kip848/run $(GO) test -count=1 -run TestProfilesOfRuns -v ./profiles/layers; \
	  ran=$$?; rm -r $$dir; exit $$ran

burn: ## is a known burn of 200 ns a record in the difference of two profiles at its size? (2 minutes a time; BURN=5)
	KBENCH_BURN=$(or $(BURN),5) $(GO) test -count=1 -timeout 60m -run '^TestBurn$$' -v ./internal/conduct

sizes: ## groups of 3 to 100 members: what each costs in the harness and bare (25 minutes)
	$(GO) run ./scripts/sizes

lint: ## gofmt, go vet, and no function of a cognitive complexity above 30
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt -w these"; exit 1; }
	$(GO) vet ./...
	@$(GO) tool gocognit -exact-recursion -over 30 .

vuln: ## known vulnerabilities in what kbench calls (asks vuln.go.dev)
	@out=$$($(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./... 2>&1); rc=$$?; echo "$$out"; \
	  case "$$rc $$out" in 0*|*"Vulnerability #"*) exit $$rc;; esac; \
	  echo "NOT CHECKED for known vulnerabilities: the check itself or its database cannot be reached from here"

fuzz: ## each fuzz test for 20 s
	@set -e; for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s -fuzzminimizetime 5x $$p; done; done

damage: ## run directories damaged 10,000 times and shown (4 minutes; DAMAGE=1m or a number of rounds)
	KBENCH_DAMAGE=$(or $(DAMAGE),10000) $(GO) test -count=1 -timeout 60m -run TestDamagedRuns ./results/report/text

# Empty: results that Go has kept will do.
FRESH = -count=1

kafka: ## the tests that need Apache Kafka (a JDK, and Maven or KAFKA_HOME)
	$(call needs,java,$(jdk))
	$(if $(KAFKA_HOME),,$(call needs,mvn,it fetches Kafka where KAFKA_HOME is not set (Debian, Ubuntu: apt-get install maven)))
	KBENCH_KAFKA=1 $(GO) test $(FRESH) -p 1 -timeout 40m ./internal/cluster ./internal/conduct

theirs: ## all that others have on a cluster of Apache Kafka, before and after kbench's commands; a run there when a node dies (9 minutes)
	$(call needs,java,$(jdk))
	KBENCH_KAFKA=1 $(GO) test -count=1 -timeout 20m -run 'TestScript/clean|TestAttachedNodeDies' ./cmd/kbench/cli

sigkill: ## 1,000 consumers killed at a random instant: none of their commits may be missing
	KBENCH_SIGKILL=1000 $(GO) test -count=1 -timeout 30m -run TestSigkillTellsNoLies -v ./internal/conduct

versions: ## every client at its oldest and newest version and on both sides of what a version brought: do they build? (asks the module proxy; 20 minutes when nothing is cached)
	KBENCH_VERSIONS=1 $(GO) test -count=1 -timeout 60m -run TestVersions -v ./internal/build

answers: ## known answers in numbers: stops, faults and quiet runs of every client (20 minutes; leave the machine alone)
	$(GO) run ./cmd/kbench verify --thorough
