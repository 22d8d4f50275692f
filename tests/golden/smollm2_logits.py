"""Writes smollm2_logits.{json,bin}, smollm2_nll.bin, smollm2_nll_2048.bin: the default model on one long text.

    smollm2_logits.py --peer llama_peer --model SmolLM2-135M-Instruct.Q4_1.gguf --text GPL-3 --out FOLDER

The ids come from llama.cpp (transformers' tokenizer of this file splits digits wrongly), without BOS. The logits
are transformers' in float32, one pass over the whole text. README.md describes the files.
"""

import argparse
import hashlib
import json
import pathlib

import numpy as np
import torch
import transformers

import llama_peer
from gguf_llama import GgufLlama

TOP, STRIDE, TAIL, WINDOW, LONG = 64, 16, 300, 2048, 6144
RECORD = np.dtype([("position", "<i4"), ("id", "<i4"), ("logsumexp", "<f4"), ("gap", "<f4"),
                   ("top_ids", "<i4", TOP), ("top_logits", "<f4", TOP)])


def rows_of_logits(hidden, head, block=256):
    for begin in range(0, len(hidden), block):
        for row, logits in enumerate(hidden[begin : begin + block] @ head.T, begin):
            yield row, logits


def next_token_nll(hidden, head, ids):
    """nll[i] = -log p(ids[i + 1] | ids[0..i]), float64 [T - 1]."""
    return np.array([(logits.double().logsumexp(0) - logits[int(ids[row + 1])].double()).item()
                     for row, logits in rows_of_logits(hidden[:-1], head)])


def main():
    parser = argparse.ArgumentParser()
    for name in ("peer", "model", "text", "out"):
        parser.add_argument("--" + name, type=pathlib.Path, required=True)
    args = parser.parse_args()
    torch.set_float32_matmul_precision("highest")
    torch.set_grad_enabled(False)
    sha256 = lambda data: hashlib.sha256(data).hexdigest()

    text = args.text.read_bytes()
    ids = llama_peer.tokenize(args.peer, args.model, [text])[0]
    count = len(ids)
    source = GgufLlama(args.model)
    model = source.load_transformers()
    run = lambda part: model.model(torch.from_numpy(part.astype(np.int64))[None]).last_hidden_state[0]
    head = model.lm_head.weight

    hidden = run(ids)
    positions = sorted({*range(0, count - TAIL, STRIDE), *range(count - TAIL, count)})
    records = np.zeros(len(positions), RECORD)
    nll, noise, wrong = np.zeros(count - 1), [], 0
    exact_hidden, exact_head = source.forward_float64(ids)
    exact_rows = dict(rows_of_logits(exact_hidden[positions], exact_head))
    for row, logits in rows_of_logits(hidden, head):
        if row + 1 < count:
            nll[row] = (logits.double().logsumexp(0) - logits[int(ids[row + 1])].double()).item()
        if row not in positions:
            continue
        top = logits.topk(TOP)
        at = positions.index(row)
        records[at] = (row, ids[row], logits.double().logsumexp(0).item(), (top.values[0] - top.values[1]).item(),
                       top.indices.numpy(), top.values.numpy())
        noise.append((logits.double() - exact_rows[at]).abs().max().item())
        wrong += int(exact_rows[at].argmax() != top.indices[0])
    exact_nll = next_token_nll(exact_hidden, exact_head, ids)

    windows = [next_token_nll(run(ids[i : i + WINDOW]), head, ids[i : i + WINDOW])
               for i in range(0, count - WINDOW + 1, WINDOW)]
    halves = np.concatenate([w[WINDOW // 2 :] for w in windows])
    rows = llama_peer.logits(args.peer, args.model, ids, positions)
    apart = np.abs(np.take_along_axis(rows, records["top_ids"], 1) - records["top_logits"])
    llama_cpp = {"cache": "f16, flash attention", "max_abs_difference_top64": float(apart.max()),
                 "mean_abs_difference_top64": float(apart.mean()),
                 "argmax_agreement": float((rows.argmax(1) == records["top_ids"][:, 0]).mean())}

    measure = lambda values: {"tokens": len(values), "mean_nll": values.mean(), "perplexity": np.exp(values.mean())}
    header = {
        "model_sha256": sha256(args.model.read_bytes()), "text": "Debian /usr/share/common-licenses/GPL-3",
        "text_bytes": len(text), "text_sha256": sha256(text), "ids": count,
        "ids_sha256_le_i32": sha256(ids.tobytes()), "first_ids": ids[:16].tolist(), "last_ids": ids[-16:].tolist(),
        "record_bytes": RECORD.itemsize, "records": len(records), "top": TOP, "stride": STRIDE, "tail": TAIL,
        "perplexity": {
            "whole_text_from_empty_cache": measure(nll),
            "ctx_2048_second_halves": measure(halves),
            "ctx_6144_second_half": measure(nll[LONG // 2 : LONG - 1]),
            "ctx_6144_all": measure(nll[: LONG - 1]),
            "whole_text_from_empty_cache_float64": measure(exact_nll)},
        "float32_against_float64": {
            "max_abs_difference_all_logits": max(noise), "median_of_row_maxima": float(np.median(noise)),
            "p99_of_row_maxima": float(np.quantile(noise, 0.99)), "argmax_differs": wrong,
            "max_abs_nll_difference": float(np.abs(nll - exact_nll).max())},
        "llama_cpp_against_float32": llama_cpp,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__,
                     "attention": "sdpa"}}
    (args.out / "smollm2_logits.json").write_text(json.dumps(header, indent=1) + "\n")
    records.tofile(args.out / "smollm2_logits.bin")
    nll.astype("<f4").tofile(args.out / "smollm2_nll.bin")
    np.stack(windows).astype("<f4").tofile(args.out / "smollm2_nll_2048.bin")
    print(json.dumps(header, indent=1))


main()
