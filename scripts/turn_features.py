#!/usr/bin/env python3
"""Writes tests/data/turn_features.txt: what the end-of-turn model's own feature extractor makes of two made-up sounds.

The test of src/listen/turn_end/features.rs makes the same sounds and compares. To repeat it, anywhere:

    python3 -m venv /tmp/features && /tmp/features/bin/pip install transformers==5.24.0 numpy==2.4.6
    /tmp/features/bin/python scripts/turn_features.py > tests/data/turn_features.txt

With a model and recordings (mono, 16 kHz, WAV or raw) it prints the probability that each is finished instead; that
needs `pip install onnxruntime==1.32.0` as well:

    /tmp/features/bin/python scripts/turn_features.py "$(hearken weights path smart-turn)" *.wav
"""

import sys

import numpy as np
from transformers import WhisperFeatureExtractor

RATE = 16_000
LONGEST = 8 * RATE
EVERY = 101  # Prime: every band and, in time, every frame comes to be looked at.
PER_LINE = 12


def sound(seconds: int) -> np.ndarray:
    """Two chirps that swell and fade, and noise: the same in the Rust test."""
    state, samples = 1, []
    for i in range(seconds * RATE):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        noise = (state >> 8) / 2**23 - 1.0
        t = i / RATE
        low = np.sin(2.0 * np.pi * (150.0 + 40.0 * t) * t)
        high = np.sin(2.0 * np.pi * (3000.0 - 100.0 * t) * t)
        swell = 0.5 + 0.5 * np.sin(2.0 * np.pi * 1.3 * t)
        samples.append(swell * (0.3 * low + 0.1 * high) + 0.01 * noise)
    return np.array(samples, dtype=np.float32)


def features(samples: np.ndarray) -> np.ndarray:
    """The last 8 s, padded on the left, as the model's publisher calls the extractor: [80, 800]."""
    samples = samples[-LONGEST:]
    padded = np.pad(samples, (LONGEST - len(samples), 0))
    extract = WhisperFeatureExtractor(chunk_length=8)
    made = extract(
        padded,
        sampling_rate=RATE,
        padding="max_length",
        max_length=LONGEST,
        truncation=True,
        do_normalize=True,
        return_tensors="np",
    )
    return made.input_features[0].astype(np.float32)


def recording(path: str) -> np.ndarray:
    """The samples of a mono recording at 16 kHz."""
    import wave

    if path.endswith(".raw"):
        with open(path, "rb") as file:
            data = file.read()
    else:
        with wave.open(path) as file:
            assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, RATE, 2), path
            data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").astype(np.float32) / 32_768.0


def judge(model: str, paths: list[str]) -> None:
    """Prints what the model says of each recording."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model)
    for path in paths:
        made = features(recording(path))[np.newaxis]
        (finished,) = session.run(None, {"input_features": made})
        print(f"{finished.ravel()[0]:.4f} {path}")


if len(sys.argv) > 1:
    judge(sys.argv[1], sys.argv[2:])
else:
    print(f"# Every {EVERY}st value of [80, 800], made by scripts/turn_features.py.")
    for seconds in (3, 11):
        print(f"# {seconds} s")
        values = [f"{v:.6f}" for v in features(sound(seconds)).ravel()[::EVERY]]
        for start in range(0, len(values), PER_LINE):
            print(" ".join(values[start : start + PER_LINE]))
