"""What tokenizers' BertNormalizer and BertPreTokenizer do with every code point.

    bert_characters.py --tables bert_character_tables.cpp   writes the tables of retrieval/, before clang-format
    bert_characters.py --golden bert_characters.json        writes hashes for the test

A hash is FNV-1a, 64 bits, over 4,096 code points: for each the words that "a", the character and "b" make, joined by
spaces, and a line end. Surrogates are no characters; they are left out.
"""

import argparse
import json
import pathlib

import tokenizers
from tokenizers import normalizers, pre_tokenizers

UNCASED = normalizers.BertNormalizer()
CLEAN = normalizers.BertNormalizer(handle_chinese_chars=False, strip_accents=False, lowercase=False)
CHINESE = normalizers.BertNormalizer(clean_text=False, strip_accents=False, lowercase=False)
WORDS = pre_tokenizers.BertPreTokenizer()
HANGUL = range(0xAC00, 0xD7A4)
COMPATIBILITY = [range(0xF900, 0xFADA), range(0x2F800, 0x2FA1E)]
BLOCK = 4096


def characters(first=0, end=0x110000):
    return (c for c in range(first, end) if not 0xD800 <= c < 0xE000)


def classify():
    """Code points by what becomes of them, and what the others fold to."""
    sets, folds = {name: [] for name in ("Ignored", "Spaces", "Ideographs", "Punctuation", "Accents")}, {}
    for c in characters():
        text = chr(c)
        cleaned = CLEAN.normalize_str(text)
        if cleaned in ("", " "):
            sets["Spaces" if cleaned == " " else "Ignored"].append(c)
            continue
        if CHINESE.normalize_str(text) != text:
            sets["Ideographs"].append(c)
        if len(WORDS.pre_tokenize_str(f"a{text}b")) == 3:
            sets["Punctuation"].append(c)
        folded = UNCASED.normalize_str(text).strip(" ")
        if folded == "":
            sets["Accents"].append(c)
        elif folded != text and c not in HANGUL:
            folds[c] = folded
    return sets, folds


def ranges(points):
    found = []
    for c in points:
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def longest_run(one, first):
    """(first, target, count, step, target step): characters `step` apart, nothing that folds between them."""
    best = (first, one[first], 1, 1, 0)
    for step in 1, 2:
        for target_step in 0, 1, 2:
            count, c = 1, first + step
            while one.get(c) == one[first] + target_step * count and (step == 1 or c - 1 not in one):
                count, c = count + 1, c + step
            if count > best[2]:
                best = (first, one[first], count, step, target_step)
    return best


def runs(one):
    found, left = [], sorted(one)
    while left:
        found.append(longest_run(one, left[0]))
        left = left[found[-1][2]:]
    return found


def write_tables(path):
    sets, folds = classify()
    hexadecimal = "0x{:x}".format
    out = ["// Written by tests/golden/embeddings/bert_characters.py: the tables are those of tokenizers "
           f"{tokenizers.__version__}.", '#include "retrieval/bert_character_tables.h"', "", "namespace longshot {",
           "namespace {", ""]
    for name, points in sets.items():
        rows = ", ".join("{" + ", ".join(map(hexadecimal, pair)) + "}" for pair in ranges(points))
        out.append(f"constexpr CharacterRange k{name}[] = {{{rows}}};\n")
    compatible = [c for block in COMPATIBILITY for c in block]
    one = {c: ord(text) for c, text in folds.items() if len(text) == 1 and c not in compatible}
    rows = ", ".join(f"{{{c:#x}, {to:#x}, {n}, {s}, {ts}}}" for c, to, n, s, ts in runs(one))
    out.append(f"constexpr FoldRun kRuns[] = {{{rows}}};\n")
    rows = ", ".join(f"{{{c:#x}, {{{', '.join(f'{ord(x):#x}' for x in text)}}}}}"
                     for c, text in folds.items() if len(text) > 1)
    out.append(f"constexpr FoldSequence kSequences[] = {{{rows}}};\n")
    rows = ",\n".join(block(b, folds) for b in COMPATIBILITY)
    out += ["// Widths of these are not stable from one formatting to the next.", "// clang-format off",
            f"constexpr FoldBlock kBlocks[] = {{\n{rows}}};", "// clang-format on\n\n}  // namespace\n"]
    for kind, names in (("CharacterRange", sets), ("FoldRun", ["Runs"]), ("FoldSequence", ["Sequences"]),
                        ("FoldBlock", ["Blocks"])):
        out += [f"const std::span<const {kind}> kBert{name} = k{name};" for name in names]
    path.write_text("\n".join(out) + "\n\n}  // namespace longshot\n", "utf-8")


def block(points, folds):
    text = "".join(folds.get(c, chr(c)) for c in points)
    lines = "\n".join(f'     U"{text[i:i + 50]}"' for i in range(0, len(text), 50))
    return f"    {{{points.start:#x},\n{lines}, {len(points)}}}"


def fnv1a64(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def words(c):
    return " ".join(word for word, _ in WORDS.pre_tokenize_str(UNCASED.normalize_str(f"a{chr(c)}b")))


def write_golden(path):
    hashes = [fnv1a64("".join(words(c) + "\n" for c in characters(first, first + BLOCK)).encode())
              for first in range(0, 0x110000, BLOCK)]
    head = {"tokenizers": tokenizers.__version__, "block": BLOCK}
    path.write_text(json.dumps({**head, "hashes": hashes}, indent=None, separators=(",", ": ")) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    args = parser.parse_args()
    if args.tables:
        write_tables(args.tables)
    if args.golden:
        write_golden(args.golden)


main()
