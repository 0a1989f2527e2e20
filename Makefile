# Thin on purpose: each target is one script or a few lines.
.PHONY: all demo test run install uninstall deps build clean

PREFIX ?= $(if $(filter 0,$(shell id -u)),/usr/local,$(HOME)/.local)
export CARGO_TERM_COLOR ?= auto

all: build

# The system's packages that the build and the tests need.
deps:
	@scripts/deps.sh

build: deps
	@cargo build --release --locked

# The main job from nothing: a question into a virtual microphone, the reply out of a virtual loudspeaker.
demo: build
	@scripts/demo.sh

# Every check and test, from nothing.
test: deps
	@scripts/test.sh

# The daemon on this computer's microphone and loudspeaker.
run: build
	@target/release/hearken weights pull
	@target/release/hearken run

install: build
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" scripts/install.sh install

uninstall:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" scripts/install.sh uninstall

clean:
	@cargo clean
