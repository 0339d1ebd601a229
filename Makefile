# The commands of this repository. Go and make are enough; where Debian's
# programs are missing, the tests that need them say so and skip.

HTTP ?= 127.0.0.1:8080
SIP ?= 127.0.0.1:5060
DATA ?= data
PKG ?= ./...
FUZZ ?= 10s
BENCH ?= $(dir $(wildcard bench/*/main.go))

# An offline copy of the Go vulnerability database, if there is one.
VULNDB ?= $(firstword $(wildcard ../shared/contracts/vulndb-*.tar.gz))

TOOL  = go tool -modfile=.ci/tools.mod
RACE := $(if $(shell command -v "$$(go env CC)"),-race)

# The databases of tests are thrown away and do not wait for a disk where there
# is memory enough for their files.
MEMORY := $(shell [ -w /dev/shm ] && [ "$$(df -Pk /dev/shm | awk 'END {print $$4}')" -ge 4000000 ] && echo TMPDIR=/dev/shm)
TEST  = $(MEMORY) go run ./sottotest/withpostgres go run ./sottotest/tell -p 2 -timeout 20m

# These try the desk as a whole, most of it in processes of its own. The race
# detector makes them several times slower and sees in them what it sees in the
# tests of the packages; `make race` has them under it too.
WHOLE = ./cmd/sotto ./sottotest/canary ./sottotest/fraud
PARTS = $$(go list ./... | grep -v -x $(WHOLE:./%=-e sotto/%))

SOURCES = $(shell find . -path ./bin -prune -o -path ./data -prune -o -path ./.git -prune -o \
	-type f \( -name '*.go' -o -name '*.sql' -o -name '*.txtar' -o -name '*.json' -o -name '*.yaml' -o -name '*.html' -o -name 'go.*' \) -print)

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@echo "Variables, with their defaults: HTTP=$(HTTP) SIP=$(SIP) DATA=$(DATA) PKG=$(PKG) FUZZ=$(FUZZ)"

run: build ## build and serve a demonstration desk: HTTP= SIP= DATA=
	@exec bin/sotto serve --demo --data $(DATA) --http $(HTTP) --sip $(SIP)

build: ## build bin/sotto
	go build -o bin/sotto ./cmd/sotto

test: ## all tests on both databases, with the race detector; PKG=./leg/... for some
	@test -n "$(RACE)" || echo "no C compiler: without the race detector (Debian: apt-get install gcc libc6-dev)"
ifeq ($(PKG),./...)
	$(TEST) $(RACE) $(PARTS)
	$(TEST) $(WHOLE)
	@mkdir -p bin && touch bin/tested
else
	$(TEST) $(RACE) $(PKG)
endif

race: ## all tests with the race detector, also those of the desk as a whole
	$(TEST) $(RACE) ./...

# bin/tested is as old as the last run of all tests that passed.
bin/tested: $(SOURCES)
	@$(MAKE) --no-print-directory test PKG=./...

check: format vet lint vulnerable bin/tested rules ## everything that must hold before a change goes in

format: ## fail on files that gofmt would change
	@files=$$(find . -name '*.go' -not -path './.git/*' -not -path './data/*' -exec gofmt -l {} +); \
	test -z "$$files" || { echo "gofmt -w these:"; echo "$$files"; exit 1; }

vet: ## go vet
	go vet ./...

lint: ## the linters of .golangci.yml, as pinned in .ci/tools.mod
	$(TOOL) golangci-lint run

vulnerable: ## known vulnerabilities in what the program calls
ifneq ($(VULNDB),)
	@rm -rf bin/vulndb && mkdir -p bin/vulndb && tar -xzf $(VULNDB) -C bin/vulndb --strip-components 1
	$(TOOL) govulncheck -db "file://$(CURDIR)/bin/vulndb" ./...
else
	$(TOOL) govulncheck ./...
endif

rules: ## the rules of the repository: imports, doors, limits, documents
	go test -count 1 . ./docs/...

# At the end of its time go test sometimes fails with no input but its own
# deadline; a finding always names the input it has written down.
fuzz: ## each parser of bytes from outside, for FUZZ=10s
	@mkdir -p bin; grep -rn --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' ./*/ | sort | while IFS=: read -r file _ name; do \
		name=$${name#func }; dir=$${file%/*}; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZ) "$$dir" > bin/fuzz.out 2>&1 || \
		{ grep -q 'context deadline exceeded' bin/fuzz.out && ! grep -q -e 'Failing input' -e panic bin/fuzz.out; } || \
		{ cat bin/fuzz.out; exit 1; }; \
		echo "$$dir $$name $$(grep -o 'execs: [0-9]*' bin/fuzz.out | tail -n 1)"; \
	done

bench: ## what it costs, beside peers, in ratios
	go test -run '^$$' -bench . $(PKG)
	@for dir in $(BENCH); do echo "go run ./$$dir"; go run "./$$dir" || exit 1; done

routing: ## 20,000 random desks against the model of who is offered to whom; SEED= for one
	SOTTO_SEEDS=20000 SOTTO_SEED=$(SEED) go test -count 1 -v -run '^TestRouting' ./queue

canary: ## fill every place, erase half the people under kill -9, search every byte: the long form
	@dirs=$$(grep -rl --include='*_test.go' '^func TestCanary' . | xargs -r -n 1 dirname | sort -u); \
	test -n "$$dirs" || { echo "there is no test whose name begins with TestCanary"; exit 1; }; \
	SOTTO_CANARY=long go run ./sottotest/withpostgres go test -count 1 -v -run '^TestCanary' -timeout 60m $$dirs

torture: ## RFC 4475 over every transport, with 200 damaged copies of each message and a call after each
	SOTTO_TORTURE=long go test -count 1 -run '^TestTorture' -timeout 60m ./leg/sip

fraud: ## every path to a trunk, as everybody, to twenty-three kinds of numbers: what a carrier sees is what the rules allow
	SOTTO_FRAUD=long go test -count 1 -v -run '^TestFraud' -timeout 60m ./sottotest/fraud

documents: catalogue cites depaware ## write the documents that are made from the code

catalogue: ## write CATALOGUE.md
	go run ./cmd/sotto catalogue > CATALOGUE.md.new
	mv CATALOGUE.md.new CATALOGUE.md

cites: ## write docs/law.md and docs/rfc.md
	go run ./docs/cites

depaware: ## write the list of foreign packages in the program
	@GOOS=linux GOARCH=amd64 go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./cmd/sotto | \
		LC_ALL=C sort | grep -v -e '^sotto$$' -e '^sotto/' -e '^$$' > cmd/sotto/depaware.txt

sounds: ## speak the lines' default sounds anew (needs espeak-ng and sox)
	line/sound/make.sh

clean: ## remove what was built; the data folder stays
	rm -rf bin

.PHONY: help run build test race check format vet lint vulnerable rules fuzz bench routing canary torture fraud documents catalogue cites depaware sounds clean
