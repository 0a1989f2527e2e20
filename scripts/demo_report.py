"""Prints the demo's turn and writes the words that the loudspeaker should have said to a file."""

import json
import sys

events, expected = sys.argv[1:3]
with open(events, encoding="utf-8") as lines:
    turns = [event for event in map(json.loads, lines) if event["event"] == "turn_finished"]
if len(turns) != 1 or turns[0]["failure"] or not turns[0]["reply"].strip():
    sys.exit(f"demo: one turn with a reply was expected, and this came: {turns}")
turn = turns[0]
print(f"heard:    {turn['transcript']}")
print(f"answered: {turn['reply']}")
for stage, ms in sorted(turn["stages_ms"].items(), key=lambda pair: pair[1]):
    print(f"  {stage.replace('_', ' '):13} {ms:8.0f} ms after the end of speech")
with open(expected, "w", encoding="utf-8") as file:
    file.write(turn["reply"])
