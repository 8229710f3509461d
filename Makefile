# A front door to CMake, which builds everything (CMakeLists.txt, CMakePresets.json).
#
#   make            builds into build/
#   make demo       the main job on real input
#   make check      everything a change must pass; ends with "N passed, N failed"
#   make check-interop   with the programs of others, and in other languages
#   make proof      the long suites: deaths, kills, interleavings, hostile bytes, models
#   make check-ports     on other processors and another C library, under emulators
#   make bench      measures; writes build/bench/results.json (BENCH=--quick: in some two minutes)
#   make bench-peers    installs what Samepage is compared with
#   make install    into PREFIX (/usr/local), under DESTDIR if that is set
#   make clean      removes the build folders
#
# What is missing on the machine is installed first (dev/setup).
PREFIX = /usr/local

BUILD = cmake --build build --parallel $(shell nproc 2>/dev/null || echo 2)
MAKEFLAGS += --no-print-directory

.PHONY: all configure demo check check-interop check-ports proof bench bench-peers install clean

all: configure
	@$(BUILD)

# Warnings are errors in `make check` alone: a newer compiler must not stop who only builds.
configure:
	@dev/setup build
	@test -f build/cmake_install.cmake || cmake --preset release -DSAMEPAGE_WERROR=OFF

demo: all
	@build/example/samepage-demo

check:
	@dev/setup check
	@dev/check

check-interop:
	@dev/setup interop
	@dev/interop

check-ports:
	@dev/setup ports
	@test/ports/check

proof:
	@dev/setup proof
	@dev/proof

bench: configure
	@$(BUILD) --target samepage-bench
	@build/bench/samepage-bench $(BENCH) build/bench/results.json

bench-peers:
	@dev/setup bench-peers
	@if test -f build/cmake_install.cmake; then cmake build >/dev/null; fi

install: all
	cmake --install build --prefix "$(abspath $(PREFIX))"

clean:
	rm -rf build build-*/
