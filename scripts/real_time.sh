#!/usr/bin/env bash
# real_time.sh [MINUTES]: a room's life in real time on a private sound server, for so many minutes (60); its figures and their
# picture are target/real_time.json and .svg afterwards. Needs what scripts/deps.sh installs for the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=${1:-60}
[[ $minutes =~ ^[1-9][0-9]*$ ]] || {
  echo "real_time.sh: $minutes is not a number of minutes; for example: make soak MINUTES=10" >&2
  exit 2
}

. scripts/default-config.sh

cargo build --release --locked --bins --test real_time
target/release/hearken weights pull
SOAK_MINUTES=$minutes cargo test --release --locked --test real_time -- --nocapture a_life_in_real_time
