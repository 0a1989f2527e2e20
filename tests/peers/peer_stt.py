"""faster-whisper's side: reads a JSON object on standard input and prints what it heard and how long that took."""

import json
import statistics
import sys
import time

import sounds
from faster_whisper import WhisperModel


def main():
    order = json.load(sys.stdin)
    model = WhisperModel(
        order["model"], device="cpu", compute_type="int8", cpu_threads=order["threads"]
    )

    def transcribe(samples):
        segments, _ = model.transcribe(
            samples, language="en", beam_size=1, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)

    recordings = [(file, sounds.read(file)) for file in order["files"]]
    # The first transcription pays for what later ones have.
    transcribe(recordings[0][1])
    rows = []
    for file, samples in recordings:
        times = []
        for _ in range(order["repeat"]):
            began = time.perf_counter()
            heard = transcribe(samples)
            times.append((time.perf_counter() - began) * 1000)
        rows.append({"file": file, "heard": heard, "ms": statistics.median(times)})
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()
