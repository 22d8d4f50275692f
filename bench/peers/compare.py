"""Runs Longshot and its peers in turns on the same file and lengths; prints milliseconds and ratios with intervals.

Every round runs every program once on every case, each in a process of its own, so that a slow moment of the machine
meets all of them; ratios are taken within a round. A ratio above 1 means that Longshot is faster.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build-peers", help="where the peers were built")
    parser.add_argument("--longshot", type=pathlib.Path, default=ROOT / "build/longshot")
    parser.add_argument("--model", default=str(ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"))
    parser.add_argument("--ik-llama", type=pathlib.Path, help="build folder of ik_llama.cpp, with bin/llama-bench")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--depth", type=int, default=8000, help="tokens of the long context")
    parser.add_argument("--gen", type=int, default=16, help="tokens decoded")
    parser.add_argument("--rows", type=int, default=16, help="rows verified in one pass")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def cases(options):
    """(name, kind, count, depth) of each line of the table."""
    return [
        ("prefill 512", "prefill", 512, 0),
        (f"prefill {options.depth}", "prefill", options.depth, 0),
        ("decode, empty", "decode", options.gen, 0),
        (f"decode at {options.depth}", "decode", options.gen, options.depth),
        (f"{options.rows} rows at {options.depth}", "rows", options.rows, options.depth),
    ]


class Failed(Exception):
    """A program ended with an error."""


def run(command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode != 0:
        said = result.stderr.strip().splitlines()
        raise Failed(f"{command[0]}: {said[-1] if said else f'status {result.returncode}'}")
    # Programs that print more than their JSON print it last.
    start = min((at for at in (result.stdout.find("["), result.stdout.find("{")) if at >= 0), default=0)
    return json.loads(result.stdout[start:])


def longshot_ms(options, kind, count, depth):
    sizes = {"prefill": ("-p", count), "decode": ("-n", count), "rows": ("--rows", count)}
    off = [text for other in ("prefill", "decode") if other != kind for text in (sizes_flag(other), 0)]
    command = [options.longshot, "bench", "-m", options.model, "-t", options.threads, "-r", 1, "-o", "json"]
    return run(command + [*sizes[kind], *off, "-d", depth])[0]["avg_ns"] / 1e6


def sizes_flag(kind):
    return {"prefill": "-p", "decode": "-n"}[kind]


def llama_ms(binary, flash_attention):
    def measure(options, kind, count, depth):
        command = [binary, "-m", options.model, "-t", options.threads, "-fa", flash_attention, "-r", 1]
        command += ["-o", "json", "-d", depth]
        if kind == "decode":
            command += ["-p", 0, "-n", count]
        else:  # few rows make one pass whatever the batch size
            command += ["-p", count, "-n", 0]
        return run(command)[0]["avg_ns"] / 1e6

    return measure


def with_flash_attention(binary):
    return llama_ms(binary, 1)


def without_flash_attention(binary):
    return llama_ms(binary, 0)


def transformers_ms(python):
    def measure(options, kind, count, depth):
        command = [python, HERE / "transformers_bench.py", "--model", options.model, "--threads", options.threads]
        return run(command + ["--kind", kind, "--count", count, "--depth", depth])["ms"]

    return measure


def programs(options):
    found = {"longshot": longshot_ms}
    for name, binary, measure in [
        ("llama.cpp -fa 1", options.folder / "llama/bin/llama-bench", with_flash_attention),
        ("llama.cpp -fa 0", options.folder / "llama/bin/llama-bench", without_flash_attention),
        ("ik_llama.cpp", options.ik_llama and options.ik_llama / "bin/llama-bench", with_flash_attention),
        ("transformers", options.folder / "venv/bin/python", transformers_ms),
    ]:
        if binary and binary.exists():
            found[name] = measure(binary)
        elif binary:
            print(f"{name}: left out, there is no {binary}", file=sys.stderr)
    return found


def interval(values):
    """Median, and the span of the values without their extremes where there are at least seven."""
    ordered = sorted(values)
    inner = ordered[1:-1] if len(ordered) >= 7 else ordered
    return f"{statistics.median(ordered):.2f} ({inner[0]:.2f}-{inner[-1]:.2f})"


def main():
    options = parse_arguments()
    found = programs(options)
    measured = {(name, case[0]): [] for name in found for case in cases(options)}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for title, kind, count, depth in cases(options):
            for name, measure in list(found.items()):
                try:
                    measured[name, title].append(measure(options, kind, count, depth))
                except Failed as failure:
                    if name == "longshot":
                        sys.exit(str(failure))
                    print(f"{name}: left out from here on, {failure}", file=sys.stderr)
                    del found[name]

    peers = [name for name in found if name != "longshot"]
    print(f"{options.threads} threads, {options.rounds} rounds in turns; ms: median (interval); ratio: peer / longshot\n")
    print("| case | " + " | ".join(["longshot ms"] + [f"{p} ms | {p} ratio" for p in peers]) + " |")
    print("|---" * (2 + 2 * len(peers)) + "|")
    for title, *_ in cases(options):
        ours = measured["longshot", title]
        cells = [interval(ours)]
        for peer in peers:
            theirs = measured[peer, title]
            cells += [interval(theirs), interval([their / our for their, our in zip(theirs, ours)])]
        print(f"| {title} | " + " | ".join(cells) + " |")


main()
