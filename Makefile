# The commands of this project; `make` alone lists them. They need Go and bash, `make test` on Debian and Ubuntu
# installs the rest.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# the date is the commit's, not the build's: the same source gives the same binary
VERSION ?= $(or $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null | sed 's/^v//'),0.0.0-dev)
COMMIT  ?= $(or $(shell git rev-parse HEAD 2>/dev/null),unknown)
DATE    ?= $(or $(shell git log -1 --format=%cI 2>/dev/null),unknown)

# Go's own resolver and user lookup, and no HTTP/2: the metadata service speaks HTTP/1.1
TAGS    := nethttpomithttp2,netgo,osusergo
VARS    := github.com/bootconf/bootconf/internal/version
LDFLAGS := -s -w -X $(VARS).Version=$(VERSION) -X $(VARS).Commit=$(COMMIT) -X $(VARS).Date=$(DATE)

# No inlining outside of the runtime: 720 KB less, the most of it in what net/http brings along and never runs, for 3 to
# 5 % more CPU in a first run (0.3 to 0.5 ms). Of the patterns that match a package the last one counts.
GCFLAGS := -gcflags=all=-l -gcflags=runtime= -gcflags=internal/runtime/...=

GOBUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags $(TAGS) $(GCFLAGS) -ldflags '$(LDFLAGS)'

OUT ?= build/bootconf

# 8 MiB: a root volume is cold at first boot
MAX_SIZE := 8388608

SCRIPTS := .ci/run test/install-deps test/unpack-rsyslog test/step test/demo test/boot/build-root test/boot/contain test/boot/helpers \
           test/boot/base/usr/bin/windtrap $(wildcard test/boot/cases/*/check test/boot/cases/*/check.reboot)

STEP := test/step
SIZE  = wc -c $(1) | awk '{printf "%s: %d bytes, %.2f MiB\n", $$2, $$1, $$1 / 1048576} \
	$$1 > $(MAX_SIZE) {print "which is more than $(MAX_SIZE): find what came in with go tool nm -size -sort size on a build without -s -w, and who calls it with -ldflags=-dumpdep" >"/dev/stderr"; exit 1}'

.PHONY: help build build-arm64 demo test bench deps fmt vet lint unit cross blackbox boot clean

help:
	@echo 'make build        build/bootconf, static and stripped, for this machine'
	@echo 'make build-arm64  build/bootconf-linux-arm64'
	@echo 'make demo         one configuration from AWS'"'"'s metadata mock, into a copy of the example image'
	@echo 'make test         all tests; installs what it needs on Debian and Ubuntu; root boots real systems too'
	@echo 'make bench        the figures of speed and size'
	@echo 'make clean        removes build/'
	@echo
	@echo 'Parts of make test: deps fmt vet lint unit cross blackbox boot'
	@echo '  SKIP_BOOT=1            leave out the boots (they need root)'
	@echo '  go test ./test -run TestCases/NAME                 one black-box case'
	@echo '  go test ./test -update                             write what the cases give as what they want'
	@echo '  go test -tags boot ./test/boot -run TestBoot/NAME  one boot'

build:
	@mkdir -p $(dir $(OUT))
	$(GOBUILD) -o $(OUT) ./cmd/bootconf
	@$(call SIZE,$(OUT))

build-arm64:
	@mkdir -p build
	GOOS=linux GOARCH=arm64 $(GOBUILD) -o build/bootconf-linux-arm64 ./cmd/bootconf
	@$(call SIZE,build/bootconf-linux-arm64)

build/tools/ec2-metadata-mock: tools/go.mod tools/go.sum
	@mkdir -p build/tools
	cd tools && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o ../$@ github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock

build/tools/staticcheck: tools/go.mod tools/go.sum
	@mkdir -p build/tools
	cd tools && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o ../$@ honnef.co/go/tools/cmd/staticcheck

demo: build build/tools/ec2-metadata-mock
	@test/demo

test:
	@$(STEP) 'what the tests need'  $(MAKE) --no-print-directory deps
	@$(STEP) 'gofmt'                $(MAKE) --no-print-directory fmt
	@$(STEP) 'go vet'               $(MAKE) --no-print-directory vet
	@$(STEP) 'staticcheck, shellcheck' $(MAKE) --no-print-directory lint
	@$(STEP) 'unit tests'           $(MAKE) --no-print-directory unit
	@$(STEP) 'binaries of every system' $(MAKE) --no-print-directory cross
	@$(STEP) 'black-box cases'      $(MAKE) --no-print-directory blackbox
	@$(STEP) 'the demo'             $(MAKE) --no-print-directory demo
	@$(STEP) 'boots'                $(MAKE) --no-print-directory boot
	@if [ '$(SKIP_BOOT)' = 1 ]; then echo 'make test: passed, but for the BOOTS, which were NOT run (SKIP_BOOT=1)'; \
	 else echo 'make test: passed'; fi

deps:
	@test/install-deps

fmt:
	@bad=$$(gofmt -l .); [ -z "$$bad" ] || { echo "gofmt -w $$bad" >&2; exit 1; }

vet:
	go vet ./...
	go vet -tags boot ./test/boot

lint: build/tools/staticcheck
	build/tools/staticcheck -tags boot ./...
	shellcheck -x $(SCRIPTS)

# the race detector needs cgo and a C compiler
unit:
	PATH='$(CURDIR)/build/readers':$$PATH CGO_ENABLED=1 go test -race ./cmd/... ./internal/...

cross:
	@mkdir -p build/cross
	@for t in linux/amd64 linux/arm64 darwin/arm64; do \
		out=build/cross/bootconf-$${t%/*}-$${t#*/}; \
		GOOS=$${t%/*} GOARCH=$${t#*/} $(GOBUILD) -o "$$out" ./cmd/bootconf; $(call SIZE,"$$out"); \
	done

blackbox:
	go test -count=1 ./test/...

boot:
	@if [ '$(SKIP_BOOT)' = 1 ]; then echo 'SKIP_BOOT=1: the boots were NOT run'; \
	 elif [ "$$(id -u)" != 0 ]; then \
		printf '%s\n' '***' '*** The boots were NOT run: they need root (namespaces, mounts, systemd-nspawn).' \
			'*** Run make test as root, or SKIP_BOOT=1 make test to do without them.' '***' >&2; exit 1; \
	 else go test -count=1 -tags boot -timeout 30m -parallel 2 ./test/boot; fi

bench: build
	go run ./test/bench $(OUT)
	go test -run '^$$' -bench . -benchmem ./internal/...

clean:
	rm -rf build
