"""piper-tts's side: reads a JSON object on standard input and prints how soon and how fast it says each text."""

import json
import statistics
import sys
import time

import onnxruntime
from piper import PiperVoice
from piper.config import PiperConfig


def open_voice(model, threads):
    """As PiperVoice.load does it, on so many threads; its own default is one for each core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with open(f"{model}.json", encoding="utf-8") as file:
        config = PiperConfig.from_dict(json.load(file))
    session = onnxruntime.InferenceSession(
        model, sess_options=options, providers=["CPUExecutionProvider"]
    )
    return PiperVoice(session=session, config=config)


def say(voice, words):
    """Milliseconds until the first sound, until the last, and of sound."""
    began = time.perf_counter()
    first, sound = None, 0.0
    for chunk in voice.synthesize(words):
        samples = len(chunk.audio_int16_bytes) // 2
        first = first or (time.perf_counter() - began) * 1000
        sound += samples * 1000 / chunk.sample_rate
    return first, (time.perf_counter() - began) * 1000, sound


def main():
    order = json.load(sys.stdin)
    rows = []
    for threads in sorted({row["threads"] for row in order["rows"]}):
        voice = open_voice(order["model"], threads)
        texts = [row for row in order["rows"] if row["threads"] == threads]
        for row in texts:
            say(voice, row["words"])
        for row in texts:
            takes = [say(voice, row["words"]) for _ in range(order["repeat"])]
            first, total, sound = (statistics.median(take) for take in zip(*takes))
            rows.append(
                {
                    "threads": threads,
                    "text": row["text"],
                    "first_ms": first,
                    "total_ms": total,
                    "sound_ms": sound,
                    "real_time_factor": total / sound,
                }
            )
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()
