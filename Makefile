# The commands a person types. Each installs the Debian packages it lacks (root or sudo), says so, and works.
#
#   make run      build the server and its plugins for release, and serve http://127.0.0.1:5000 from ./data
#   make test     build everything and run every test
#   make lint     check formats, the plugin header and the scripts; changes nothing
#   make fuzz     search FUZZ_SECONDS (900) long for requests that break something, with sanitizers
#   make bench    compare speed with other registries on this machine; BENCH_ARGS and PEER are passed on
#   make clean    remove what was built; ./data stays
#
# RUN_ARGS are the arguments of the server (make run RUN_ARGS='serve config.yml'), TEST_ARGS those of `swift test`
# (make test TEST_ARGS='--filter EndToEndTests').

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

RUN_ARGS ?= serve
TEST_ARGS ?=
FUZZ_SECONDS ?= 900
FUZZ_ARGS ?=
BENCH_ARGS ?=
PEER ?=
export PEER

# The directory of a plugin in Swift is named like its product: kind first.
KINDS := Storage Auth Sink Middleware
PLUGINS := $(sort $(notdir $(patsubst %/,%,$(dir $(foreach kind,$(KINDS),$(wildcard Plugins/$(kind)*/*.swift))))))

STORES := EndToEndTests\.(S3|CloudStorage|Azure|Chaos)

.PHONY: help swift run release test lint fuzz bench clean

help:
	@sed -n 's/^#   \(make.*\)/\1/p' $(MAKEFILE_LIST)

swift:
	@command -v swift >/dev/null || { echo "mooring: Swift 6.3 or later is needed: https://www.swift.org/install" >&2; exit 69; }

run: release
	@echo "mooring: starting .build/release/mooring $(RUN_ARGS)"
	@exec .build/release/mooring $(RUN_ARGS)

release: swift
	@scripts/install-packages.sh run
	@echo "mooring: building the server and its plugins for release (several minutes the first time)"
	@swift build -c release --product mooring
	@for plugin in $(PLUGINS); do swift build -c release --product "$$plugin"; done

# Time-outs of the server layer and deadlines of plugins are tested by the clock, so these suites run alone, before those
# that fill the machine.
# Those that drive servers of other makers take most of it, and run by themselves too.
# XCTest has nothing to run here; without its empty summary, Swift Testing's has the last word.
test: swift
	@scripts/install-packages.sh test
	@scripts/install-python-tools.sh >/dev/null
	@echo "mooring: building the server, its plugins and the tests (several minutes the first time)"
	@swift build --build-tests
ifeq ($(TEST_ARGS),)
	@swift test --skip-build --disable-xctest --filter HTTPServerTests
	@swift test --skip-build --disable-xctest --filter RegistryPluginsTests
	@swift test --skip-build --disable-xctest --filter ObjectStoreKitTests
	@swift test --skip-build --disable-xctest --filter PluginContractTests
	@swift test --skip-build --disable-xctest --filter '$(STORES)'
	@swift test --skip-build --disable-xctest --filter EndToEndTests --skip '$(STORES)'
	@swift test --skip-build --disable-xctest --skip HTTPServerTests --skip RegistryPluginsTests \
		--skip ObjectStoreKitTests --skip PluginContractTests --skip EndToEndTests
else
	@swift test --skip-build --disable-xctest $(TEST_ARGS)
endif

lint: swift
	@scripts/install-packages.sh lint
	@scripts/lint.sh

# Its own build: what a sanitizer instruments can't be mixed with the rest. Symbols are looked up when a finding is replayed.
fuzz: swift
	@scripts/install-packages.sh run
	@echo "mooring: building the fuzzer (several minutes the first time)"
	@MOORING_FUZZ=1 swift build --scratch-path .build-fuzz --disable-index-store --sanitize address \
		--product mooring-fuzz
	@mkdir -p .build-fuzz/corpus .build-fuzz/findings
	@SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=symbolize=0:detect_leaks=0:quarantine_size_mb=64 \
		.build-fuzz/debug/mooring-fuzz -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=30 -rss_limit_mb=4096 \
		-print_final_stats=1 -artifact_prefix=.build-fuzz/findings/ $(FUZZ_ARGS) .build-fuzz/corpus Tests/Fuzz/Seeds

bench: release
	@scripts/install-packages.sh bench
	@python3 Tests/Benchmarks/bench.py $(BENCH_ARGS)

clean:
	@swift package clean
