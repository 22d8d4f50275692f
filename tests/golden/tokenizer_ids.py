"""Writes tokenizer_ids_<family>.json: llama.cpp's ids of tokenizer_strings.json, tokenizer_invalid.json and a text.

    tokenizer_ids.py --peer llama_peer --text GPL-3 --out FOLDER [--full] FAMILY=FILE.gguf ...

No BOS or EOS is added and control tokens in the text stay text. With --full every string's ids are written,
otherwise those of the first 50; every string always has its count and hash.
"""

import argparse
import hashlib
import json
import pathlib

import llama_peer

FIRST = 50


def fnv1a64(data):
    """FNV-1a, 64 bits, over the ids as little-endian int32."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def lines(rows):
    return "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"


def main():
    parser = argparse.ArgumentParser()
    for name in ("peer", "text", "out"):
        parser.add_argument("--" + name, type=pathlib.Path, required=True)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("families", nargs="+")
    args = parser.parse_args()
    strings = [s.encode() for s in json.loads((args.out / "tokenizer_strings.json").read_text("utf-8"))]
    invalid = [bytes.fromhex(s) for s in json.loads((args.out / "tokenizer_invalid.json").read_text())]
    text = args.text.read_bytes()
    for family, model in (item.split("=", 1) for item in args.families):
        ids = llama_peer.tokenize(args.peer, model, [*strings, *invalid, text])
        ids, hostile, document = ids[: len(strings)], ids[len(strings) : -1], ids[-1]
        head = {"family": family, "text": "Debian /usr/share/common-licenses/GPL-3",
                "text_sha256": hashlib.sha256(text).hexdigest(), "text_ids": len(document),
                "text_ids_sha256_le_i32": hashlib.sha256(document.tobytes()).hexdigest(),
                "text_first_ids": document[:16].tolist(), "hash": "fnv1a64 of little-endian int32 ids",
                "counts": [len(i) for i in ids], "hashes": [fnv1a64(i.tobytes()) for i in ids]}
        body = json.dumps(head, indent=None)[:-1]
        body += ',\n"ids": ' + lines(i.tolist() for i in (ids if args.full else ids[:FIRST]))
        body += ',\n"invalid_ids": ' + lines(None if i is None else i.tolist() for i in hostile) + "}\n"
        (args.out / f"tokenizer_ids_{family}.json").write_text(body)
        print(family, len(document), sum(head["counts"]), "threw:", sum(i is None for i in hostile))


main()
