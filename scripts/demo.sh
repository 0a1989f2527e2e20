#!/usr/bin/env bash
# The main job on real input: a recorded question is played into a virtual microphone, the real daemon hears it, and
# what it says is recorded from a virtual loudspeaker and read back. Exit 0 only if the words came out of the loudspeaker.
set -euo pipefail
cd "$(dirname "$0")/.."
# Whatever the user has configured, said or closed is not what is shown here, and nothing of it is changed: of the data
# folder the weights alone are shared. Nor are the user's media players paused.
. scripts/default-config.sh

. scripts/sound-server.sh

hearken=$PWD/target/release/hearken
out=$PWD/target/demo
question=assets/demo/question.wav
mkdir -p "$out"
rm -f "$out"/reply.wav "$out"/events.jsonl "$out"/run.log

"$hearken" weights pull

room=$(mktemp -d)
daemon=''
finish() {
  [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
  [ -z "$daemon" ] || wait "$daemon" 2>/dev/null || true
  stop_sound_server
  rm -rf "$room"
}
trap finish EXIT

weights=$(dirname "$("$hearken" weights path joe)")
mkdir "$room/data"
ln -s "$weights" "$room/data/weights"
export HEARKEN_DATA_DIR=$room/data
unset DBUS_SESSION_BUS_ADDRESS

start_sound_server "$room"

"$hearken" run --json >"$out/events.jsonl" 2>"$out/run.log" &
daemon=$!

# wait_for EVENT SECONDS: until the daemon has reported it, or has ended.
wait_for() {
  local tick
  for ((tick = 0; tick < $2 * 10; tick++)); do
    grep -q "\"event\":\"$1\"" "$out/events.jsonl" && return 0
    if ! kill -0 "$daemon" 2>/dev/null; then
      echo "demo: the daemon ended early:" >&2
      cat "$out/run.log" >&2
      exit 1
    fi
    sleep 0.1
  done
  echo "demo: no event $1 within $2 s; the daemon said:" >&2
  cat "$out/run.log" "$out/events.jsonl" >&2
  exit 1
}

wait_for ready 60
record_speaker "$out/reply.wav"
echo "playing $question into the virtual microphone"
play_into_room "$question"
wait_for turn_finished 120
sleep 0.5 # What the daemon handed over last is still in the sound server's buffers.
stop_recording
kill "$daemon"; wait "$daemon"; daemon=''

python3 scripts/demo_report.py "$out/events.jsonl" "$out/expected.txt"
"$hearken" transcribe "$out/reply.wav" --expect "$(cat "$out/expected.txt")" --max-wer 20
echo "the reply is in target/demo/reply.wav"
