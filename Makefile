# The front door. Meson and Ninja do the work underneath: tools/build has the configurations,
# tools/setup the packages, tools/test the stages of the tests.
#
#   make            the server, optimised and with debug information: build/telltale
#   make run        build, start a server that watches itself, print its address; Ctrl-C stops it
#   make test       every check there is; STAGE=unit (or another of tools/test --list) for one
#   make bench      the benchmarks
#   make fuzz       fuzz each parser; SECONDS=60 TARGET=name
#   make lint       layout, bug patterns, include direction and other rules of the code
#   make format     lay out the sources with clang-format
#   make install    program, libraries and headers below $(DESTDIR)$(PREFIX)
#   make clean      remove build/
#   make help       this text
#
# On Debian missing packages are installed first (as root or by sudo); see tools/setup.

PREFIX ?= /usr/local
SECONDS ?= 60

.PHONY: build run test bench fuzz lint format install clean help

build:
	@tools/setup build
	@tools/build release

run: build
	@tools/run

test:
	@tools/setup test
	@tools/test $(if $(STAGE),--stage $(STAGE))

bench: build
	@tools/setup test
	@bench/compare

fuzz:
	@tools/setup test
	@tools/test --stage fuzz --seconds $(SECONDS) --seed 0 $(if $(TARGET),--only $(TARGET))

lint:
	@tools/setup test
	@tools/test --stage lint

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

install: build
	@meson configure build/release -Dprefix=$(abspath $(PREFIX))
	@tools/build release
	@DESTDIR=$(DESTDIR) meson install -C build/release --no-rebuild --quiet

clean:
	rm -rf build

help:
	@sed -n '/^#   make/s/^#   //p' Makefile
