#!/usr/bin/env bash
# run.sh [OPTION...]: hearken beside its peers on this machine, in one run; the options are compare.py's. Everything
# that it installs and writes is below target/peers.
set -euo pipefail
cd "$(dirname "$0")/../.."

. scripts/default-config.sh
# Python writes nothing beside its sources.
export PYTHONDONTWRITEBYTECODE=1

python=${PYTHON:-python3}
peers=$PWD/target/peers
mkdir -p "$peers"
if ! cmp -s tests/peers/requirements.txt "$peers/installed.txt"; then
  rm -rf "$peers/venv"
  "$python" -m venv "$peers/venv"
  "$peers/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/peers/requirements.txt
  cp tests/peers/requirements.txt "$peers/installed.txt"
fi

cargo build --release --locked --bins --quiet
# The checkpoint first: hearken's own weights are made of it, and the peers read it.
target/release/hearken weights pull whisper-base-ct2
target/release/hearken weights pull
target/release/hearken weights pull smollm2-135m

exec "$peers/venv/bin/python" tests/peers/compare.py "$@"
