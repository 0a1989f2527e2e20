"""Recordings at 16 kHz as numbers, and where speech ends in them."""

import wave

import numpy

RATE = 16_000
# A step in which energy is looked at: 10 ms.
STEP = RATE // 100
# Speech is what is less than so far below the loudest step, in dB.
BELOW_DB = 30


def read(file):
    """Mono, 16 bit, 16 kHz, with a header (WAV) or without (raw), from -1 to 1."""
    if file.endswith(".wav"):
        with wave.open(file) as sound:
            shape = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
            if shape != (RATE, 1, 2):
                raise SystemExit(f"{file}: wanted 16 kHz, mono, 16 bit")
            data = sound.readframes(sound.getnframes())
    else:
        with open(file, "rb") as sound:
            data = sound.read()
    return numpy.frombuffer(data, dtype="<i2").astype(numpy.float32) / 32768


def last_of_speech(samples):
    """The index of the last sample of speech, by energy: for recordings of which nobody knows it."""
    steps = samples[: len(samples) // STEP * STEP].reshape(-1, STEP)
    power = (steps.astype(numpy.float64) ** 2).mean(axis=1)
    loud = numpy.flatnonzero(power > power.max() * 10 ** (-BELOW_DB / 10))
    return int((loud[-1] + 1) * STEP - 1)
