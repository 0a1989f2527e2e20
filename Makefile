# Thin on purpose: each target is one script or a few lines.
.PHONY: all demo test soak peers run install uninstall build clean

PREFIX ?= $(if $(filter 0,$(shell id -u)),/usr/local,$(HOME)/.local)
export CARGO_TERM_COLOR ?= auto

all: build

# The scripts look there, whatever the user's own setting is.
export CARGO_TARGET_DIR := $(CURDIR)/target

build:
	@scripts/deps.sh build
	@cargo build --release --locked

# The main job from nothing: a question into a virtual microphone, the reply out of a virtual loudspeaker.
demo:
	@scripts/deps.sh test
	@cargo build --release --locked
	@scripts/demo.sh

# Every check and test, from nothing.
test:
	@scripts/deps.sh test
	@scripts/test.sh

# The spoken scenarios N times, JOBS at once, with a table of failures; then HOURS of a room's life in accelerated time, and MINUTES
# of one in real time on a sound server, each with a picture: make soak N=3 HOURS=2 MINUTES=10
soak:
	@scripts/deps.sh test
	@scripts/soak.sh $(or $(N),10) $(or $(JOBS),1) $(SCENARIOS)
	@target/release/hearken bench soak --hours $(or $(HOURS),24) --svg target/soak.svg
	@scripts/real_time.sh $(or $(MINUTES),60)

# hearken beside other programs with the same weights; tests/peers/README.md says how: make peers ROUNDS=1
peers:
	@scripts/deps.sh test
	@tests/peers/run.sh --rounds $(or $(ROUNDS),3)

# The daemon on this computer's microphone and loudspeaker.
run: build
	@target/release/hearken weights pull
	@target/release/hearken run

# Builds only what is not there, so that `sudo make install` needs no Rust toolchain of root's.
install:
	@[ -x target/release/hearken ] || $(MAKE) build
	@[ -z "$$(find src assets Cargo.toml Cargo.lock -newer target/release/hearken -print -quit)" ] || \
	  echo "make install: something of the source is newer than target/release/hearken; if you have not run make build since, do, and install again" >&2
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" scripts/install.sh install

uninstall:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" scripts/install.sh uninstall

clean:
	@cargo clean
