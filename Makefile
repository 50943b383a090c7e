# CI runs lint, test, race and kafka. "make" alone lists the targets.
GO ?= go
MINUTES ?= 15,30,60

.PHONY: help build test race bench tax sizes floors hour lint fuzz kafka sigkill answers

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## build bin/kbench
	$(GO) build -buildvcs=auto -o bin/kbench ./cmd/kbench

test: ## the tests that need nothing but Go
	$(GO) test ./...

race: ## the same under the race detector
	$(GO) test -race ./...

bench: ## the hot paths, then the harness tax
	$(GO) test -run '^$$' -bench . -benchmem ./results/record ./workloads/... ./internal/wire ./internal/worker ./drivers/loopback
	$(MAKE) tax

tax: ## kbench against the barest honest loop (35 minutes; Apache Kafka, 20 GB of disk)
	$(GO) run ./scripts/tax --nodes 1

floors: build ## do measured floors follow their law? (8 minutes a client; CLIENT=franz-go,sarama,kafka-go)
	run=runs/floors-$$(date +%Y%m%d-%H%M%S); \
	  bin/kbench run churn-floors --client $(or $(CLIENT),franz-go) --out $$run; ran=$$?; \
	  $(GO) run ./scripts/floors $$run && exit $$ran

hour: ## an hour of 100,000 records/s, quiet and with churn: time and memory of its report (10 minutes; 4 GB of disk in TMPDIR; leave the machine alone)
	KBENCH_HOUR=$(MINUTES) $(GO) test -count=1 -timeout 40m -run TestHour -v ./results/evidence

sizes: ## groups of 3 to 100 members: what each costs in the harness and bare (25 minutes)
	$(GO) run ./scripts/sizes

lint: ## gofmt, go vet, and no function of a cognitive complexity above 30
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt -w these"; exit 1; }
	$(GO) vet ./...
	@$(GO) tool gocognit -exact-recursion -over 30 .

fuzz: ## each fuzz test for 20 s
	@set -e; for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s -fuzzminimizetime 5x $$p; done; done

kafka: ## the tests that need Apache Kafka (a JDK, and Maven or KAFKA_HOME)
	KBENCH_KAFKA=1 $(GO) test -count=1 -p 1 -timeout 20m ./internal/cluster ./internal/conduct

sigkill: ## 1,000 consumers killed at a random instant: none of their commits may be missing
	KBENCH_SIGKILL=1000 $(GO) test -count=1 -timeout 30m -run TestSigkillTellsNoLies -v ./internal/conduct

answers: ## known answers in numbers: stops, faults and quiet runs of every client (20 minutes; leave the machine alone)
	$(GO) run ./cmd/kbench verify --thorough
