#!/usr/bin/env bash
# Every check and test, from nothing. Needs what scripts/deps.sh installs.
set -euo pipefail
cd "$(dirname "$0")/.."

. scripts/default-config.sh

step() { printf '\n== %s\n' "$*"; }

step "format"
cargo fmt --check

step "build"
cargo build --release --locked --all-targets

step "lints"
cargo clippy --release --locked --all-targets -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --no-deps --quiet

step "licences, versions, sources of the dependencies"
deny=target/tools/bin/cargo-deny
[ -x "$deny" ] || cargo install cargo-deny --version 0.20.2 --locked --debug --quiet --root target/tools --target-dir target/tools/build
cargo fetch --locked --quiet # Other systems' dependencies too: their licences count as well.
"$deny" --offline --log-level error check --hide-inclusion-graph licenses bans sources

step "weights"
# In the same folder as the demo's and the user's own.
# The checkpoints first: the importer's test reads them, and whisper's own weights are made of them.
target/release/hearken weights pull whisper-base-ct2 whisper-tiny.en-ct2
target/release/hearken weights pull
target/release/hearken weights pull smollm2-135m whisper-tiny.en hey-marvin wake-melspectrogram wake-embedding

step "tests"
cargo test --release --locked --no-fail-fast
