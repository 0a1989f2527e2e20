"""pipecat's side of a conversation: questions in real time into a pipeline without hardware, and when it answers.

Reads a JSON object on standard input and prints one turn for each question: times in ms after its last sample of
speech. The parts are Silero VAD, Smart Turn v3, faster-whisper, an OpenAI-compatible server and Piper, each as pipecat
has it.
"""

import asyncio
import functools
import json
import os
import pathlib
import sys
import time

import numpy
import sounds
from loguru import logger

logger.remove()
logger.add(sys.stderr, level=os.environ.get("PEER_LOG", "ERROR"))

from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3  # noqa: E402
from pipecat.audio.vad.silero import SileroVADAnalyzer  # noqa: E402
from pipecat.audio.vad.vad_analyzer import VADParams  # noqa: E402
from pipecat.frames.frames import (  # noqa: E402
    InputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline  # noqa: E402
from pipecat.pipeline.worker import PipelineParams, PipelineWorker  # noqa: E402
from pipecat.processors.aggregators.llm_context import LLMContext  # noqa: E402
from pipecat.processors.aggregators.llm_response_universal import (  # noqa: E402
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.services.openai.llm import OpenAILLMService  # noqa: E402
from pipecat.services.piper.tts import PiperTTSService  # noqa: E402
from pipecat.services.whisper.stt import WhisperSTTService  # noqa: E402
from pipecat.transports.base_input import BaseInputTransport  # noqa: E402
from pipecat.transports.base_output import BaseOutputTransport  # noqa: E402
from pipecat.transports.base_transport import TransportParams  # noqa: E402
from pipecat.turns.user_stop import TurnAnalyzerUserTurnStopStrategy  # noqa: E402
from pipecat.turns.user_turn_strategies import UserTurnStrategies  # noqa: E402
from pipecat.workers.runner import WorkerRunner  # noqa: E402

# What a microphone gives at once: 20 ms.
BLOCK = sounds.RATE // 50
OUT_RATE = 22_050
# A question that nobody has answered after so long is not answered, in s.
PATIENCE = 10.0
# Nothing has been heard for so long: the turn is over, in s.
QUIET = 1.5
# Who takes a turn so much before the question's end has cut its speaker off, in ms.
EARLY_MS = 300


class Microphone(BaseInputTransport):
    """Gives a block every 20 ms, silence when nobody speaks."""

    def __init__(self, params):
        super().__init__(params)
        self.waiting = numpy.zeros(0, dtype="<i2")
        self.given = 0
        self.began = 0.0
        self.task = None
        self.noise = (numpy.random.default_rng(1).normal(0, 10, sounds.RATE)).astype("<i2")

    async def start(self, frame: StartFrame):
        await super().start(frame)
        await self.set_transport_ready(frame)
        self.began = time.perf_counter()
        self.task = asyncio.create_task(self.run())

    async def cleanup(self):
        if self.task:
            self.task.cancel()
        await super().cleanup()

    async def run(self):
        while True:
            # A block is there when its last sample has sounded.
            due = self.began + (self.given + BLOCK) / sounds.RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            said, self.waiting = self.waiting[:BLOCK], self.waiting[BLOCK:]
            begin = self.given % (sounds.RATE - BLOCK)
            block = self.noise[begin : begin + BLOCK].copy()
            block[: len(said)] += said
            self.given += BLOCK
            await self.push_audio_frame(
                InputAudioRawFrame(audio=block.tobytes(), sample_rate=sounds.RATE, num_channels=1)
            )

    def play(self, samples, last):
        """Plays `samples`; when the one with the index `last` will have sounded."""
        begin = self.given
        self.waiting = (samples * 32767).astype("<i2")
        return self.began + (begin + last + 1) / sounds.RATE


class Loudspeaker(BaseOutputTransport):
    """Takes sound at the pace of a device, and notes when it began."""

    def __init__(self, params, ear):
        super().__init__(params)
        self.ear = ear
        self.free = 0.0

    async def start(self, frame: StartFrame):
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def process_frame(self, frame, direction):
        self.ear.see(frame)
        await super().process_frame(frame, direction)

    async def write_audio_frame(self, frame):
        now = time.perf_counter()
        if isinstance(frame, TTSAudioRawFrame) or any(frame.audio):
            self.ear.sound(now)
        # As much is taken ahead as a device has buffers: one chunk.
        self.free = max(self.free, now) + len(frame.audio) / 2 / frame.sample_rate
        await asyncio.sleep(max(0.0, self.free - now - 0.04))
        return True


class Ear:
    """What somebody who asks a question hears and when."""

    def __init__(self):
        self.first = None
        self.last = 0.0
        self.ends = []

    def begin(self):
        self.first, self.last, self.ends = None, 0.0, []

    def see(self, frame):
        if isinstance(frame, UserStoppedSpeakingFrame):
            self.ends.append(time.perf_counter())

    def sound(self, now):
        self.first = self.first or now
        self.last = now


def judge(first_ms, ends_ms):
    """What became of a question whose first answer and whose turns' ends were then."""
    if first_ms is not None and first_ms < 0:
        return "cut-off"
    if any(ms < -EARLY_MS for ms in ends_ms):
        return "split"
    return "answered" if first_ms is not None else "unanswered"


async def ask(microphone, ear, question):
    samples, last = sounds.read(question["file"]), question["last"]
    ear.begin()
    ended = microphone.play(samples, last)
    while True:
        await asyncio.sleep(0.02)
        now = time.perf_counter()
        if now < ended:
            continue
        if ear.first is None or ear.last < ended:
            if now - ended > PATIENCE:
                break
        elif now - ear.last > QUIET:
            break
    after = lambda at: None if at is None else (at - ended) * 1000  # noqa: E731
    ends = [after(at) for at in ear.ends]
    first = after(ear.first)
    return {
        "question": question["file"],
        "outcome": judge(first, ends),
        "first_played_ms": first,
        "turn_ends_ms": ends,
    }


def pipeline(order, context, ear):
    params = TransportParams(
        audio_in_enabled=True,
        audio_in_sample_rate=sounds.RATE,
        audio_out_enabled=True,
        audio_out_sample_rate=OUT_RATE,
        audio_out_auto_silence=False,
    )
    stt = WhisperSTTService(
        device="cpu",
        compute_type="int8",
        settings=WhisperSTTService.Settings(model=order["whisper"], language="en"),
    )
    # Five beams are its default; one is what hearken takes, and quicker.
    stt._model.transcribe = functools.partial(stt._model.transcribe, beam_size=1)
    llm = OpenAILLMService(
        api_key="none",
        base_url=order["server"],
        settings=OpenAILLMService.Settings(
            model="local",
            temperature=order["temperature"],
            max_tokens=order["max_tokens"],
            system_instruction=order["instructions"],
        ),
    )
    voice = pathlib.Path(order["voice"])
    tts = PiperTTSService(
        download_dir=voice.parent, settings=PiperTTSService.Settings(voice=voice.stem)
    )
    user = LLMUserAggregatorParams(
        vad_analyzer=SileroVADAnalyzer(params=VADParams(stop_secs=0.2)),
        user_turn_strategies=UserTurnStrategies(
            stop=[TurnAnalyzerUserTurnStopStrategy(turn_analyzer=LocalSmartTurnAnalyzerV3())]
        ),
    )
    pair = LLMContextAggregatorPair(context, user_params=user)
    microphone, loudspeaker = Microphone(params), Loudspeaker(params, ear)
    line = Pipeline([microphone, stt, pair.user(), llm, tts, loudspeaker, pair.assistant()])
    return microphone, line


async def talk(order):
    context, ear = LLMContext(), Ear()
    microphone, line = pipeline(order, context, ear)
    worker = PipelineWorker(
        line,
        params=PipelineParams(audio_in_sample_rate=sounds.RATE, audio_out_sample_rate=OUT_RATE),
        cancel_on_idle_timeout=False,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    while not microphone.began:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)
    turns = []
    for number in range(order["rounds"]):
        if number == 0:
            # Files that are read for the first time, and memory that is taken, are no part of a turn.
            await ask(microphone, ear, order["questions"][0])
        context.set_messages([])
        for question in order["questions"]:
            turns.append(await ask(microphone, ear, question))
            if os.environ.get("PEER_LOG"):
                print(turns[-1], file=sys.stderr)
    await worker.cancel()
    await asyncio.wait_for(running, 10)
    return turns


def main():
    order = json.load(sys.stdin)
    turns = asyncio.run(talk(order))
    json.dump(turns, sys.stdout)


if __name__ == "__main__":
    main()
