"""Writes llama_perplexity.json: llama-perplexity's own result for the default model and text.

    llama_perplexity.py --program llama-perplexity --model FILE.gguf --text GPL-3 --out FOLDER

A chunk's score covers ids n_ctx/2 + 1 .. n_ctx - 1, given everything before them in the chunk. The program wants two
contexts of text at least, so ctx 6144 runs on the text written twice, first chunk only: the ids of that
chunk are the text's own. The cache is f16, its default.
"""

import argparse
import json
import pathlib
import re
import subprocess
import tempfile

RUNS = {"ctx_2048_second_halves": (2048, 1, 3), "ctx_6144_second_half": (6144, 2, 1)}  # context, copies, chunks


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "model", "text", "out"):
        parser.add_argument("--" + name, type=pathlib.Path, required=True)
    args = parser.parse_args()
    results = {}
    for name, (context, copies, chunks) in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            text = pathlib.Path(folder, "text")
            text.write_bytes(args.text.read_bytes() * copies)
            options = ["-c", context, "-b", 2048, "-ub", 512, "-t", 2, "-fa", "on", "--chunks", chunks]
            run = subprocess.run([args.program, "-m", args.model, "-f", text, *map(str, options)],
                                 capture_output=True, text=True, check=True)
        log = run.stdout + run.stderr
        found = re.search(r"PPL = ([\d.]+) \+/- ([\d.]+)", log)
        results[name] = {"perplexity": float(found[1]), "plus_minus": float(found[2]), "chunks": chunks,
                         "options": " ".join(map(str, options)), "running": re.findall(r"\[\d+\]([\d.]+),", log)}
    results["program"] = "llama.cpp inside llama-cpp-python 0.3.36, native CPU build (AMX, barrier of README.md)"
    (args.out / "llama_perplexity.json").write_text(json.dumps(results, indent=1) + "\n")


main()
