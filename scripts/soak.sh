#!/usr/bin/env bash
# soak.sh [N] [JOBS] [FILTER...]: the spoken scenarios N times (10), JOBS at the same time (1), and a table of failures
# for each. Needs what scripts/deps.sh installs for the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${1:-10} jobs=${2:-1}
shift $(($# < 2 ? $# : 2))
for number in "$runs" "$jobs"; do
  [[ $number =~ ^[1-9][0-9]*$ ]] || {
    echo "soak.sh: $number is not a number of runs or jobs; for example: make soak N=3 JOBS=1" >&2
    exit 2
  }
done

. scripts/default-config.sh

cargo build --release --locked --bins --test scenarios
target/release/hearken weights pull
cargo test --release --locked --test scenarios -- --repeat "$runs" --tries 1 --jobs "$jobs" "$@"
