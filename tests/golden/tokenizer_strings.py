"""Writes tokenizer_strings.json (1,000 seeded strings) and tokenizer_invalid.json (120 hostile byte strings).

    tokenizer_strings.py --out FOLDER

Every text is ours: words and fragments listed here, and characters drawn from ranges of code points. Only
assigned characters are drawn (Python's unicodedata), so tokenizers of different Unicode versions can agree.
"""

import argparse
import json
import pathlib
import random
import unicodedata

SEED = 20261120
WORDS = """the a cache draft verify token tree of and model window position context retrieval speculative longest
    attention don't I'll we've it's they're she'd I'm CAN'T WE'LL café naïve coöperate Zürich kernel prefill decode
    rows heads bytes commit rollback page sink recent exact law sample greedy argmax""".split()
CODE = ["for (int i = 0; i < n; ++i) {\n  sum += x[i];\n}\n", "def f(x, *, y=None):\n    return x ** 2 if y else x\n",
        "SELECT id, COUNT(*) FROM t WHERE a >= 10 GROUP BY id;", "#include <vector>\n\nint main() { return 0; }\n",
        "{\"key\": [1, 2.5e-3, null, true], \"k2\": \"v\\n\"}", "fn main() -> Result<(), E> { let x = &mut y?; }\n",
        "\tif a == b:\n\t\tpass\n", "git rebase -i HEAD~3 && make -j2 # ok?", "<div class=\"a\">&nbsp;x</div>",
        "x = lambda a: a[::-1]; print(f'{x!r:>10}')", "a::b<c>(d)->e != !f || g && ~h ^ i % j", "$HOME/${VAR:-x}/*.cpp"]
CONTROL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<s>", "</s>", "<unk>", "<|begin_of_text|>", "<|eot_id|>",
           "<|start_header_id|>user<|end_header_id|>", "[INST]", "[/INST]", "<<SYS>>", "<fim_prefix>", "<repo_name>",
           "<file_sep>", "<0x0A>", "<|im_start", "im_end|>", "<jupyter_code>", "<issue_start>", "\u2581", "\u0120", "\u010a"]
RANGES = {"latin": (0xA1, 0x24F), "greek": (0x370, 0x3FF), "cyrillic": (0x400, 0x4FF), "armenian": (0x531, 0x58F),
          "hebrew": (0x5D0, 0x5EA), "arabic": (0x620, 0x6D3), "devanagari": (0x900, 0x97F), "bengali": (0x985, 0x9E3),
          "tamil": (0xB83, 0xBF9), "thai": (0xE01, 0xE5B), "georgian": (0x10D0, 0x10FF), "hangul": (0xAC00, 0xD7A3),
          "ethiopic": (0x1200, 0x135A), "khmer": (0x1780, 0x17E9), "hiragana": (0x3041, 0x3096),
          "katakana": (0x30A1, 0x30FF), "han": (0x4E00, 0x9FA5), "han_b": (0x20000, 0x2A6D6),
          "gothic": (0x10330, 0x1034A), "maths": (0x1D400, 0x1D7FF), "fullwidth": (0xFF01, 0xFF5E),
          "punctuation": (0x2010, 0x205E), "arrows": (0x2190, 0x22FF), "boxes": (0x2500, 0x25FF),
          "numbers": (0x2150, 0x218B), "circled": (0x2460, 0x24FF), "emoji": (0x1F300, 0x1F64F)}
SPACES = [" ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\r", " \n", "\n ", "\t\t", "\u00a0", "\u3000", "\u2003", "\u2028", "\x0b",
          "\x0c", "\u0085", "\u1680", "\u200b", "\ufeff", "\u202f"]
DIGITS = "0123456789" * 3 + "٠١٢٣४५६๐๑①²½Ⅳ一"
EMOJI = ["👩\u200d👩\u200d👧\u200d👦", "🇨🇭🇩🇪", "👍🏽", "❤\ufe0f", "1\ufe0f\u20e3", "🏴\U000e0067\U000e0062\U000e007f", "😀" * 5, "✈\ufe0f"]


def script(r):
    low, high = RANGES[r.choice(list(RANGES))]
    out = ""
    for _ in range(r.randint(1, 14)):
        c = chr(r.randint(low, high))
        out += c if unicodedata.category(c) not in ("Cn", "Cs", "Co") else r.choice([" ", ""])
        out += " " if r.random() < 0.15 else ""
    return out


def combining(r):
    base = lambda: r.choice("aeiounAEIOUxyz한कあ")
    return "".join(base() + "".join(chr(r.randint(0x300, 0x36F)) for _ in range(r.randint(0, 3)))
                   for _ in range(r.randint(1, 8)))


def sentence(r):
    words = [r.choice(WORDS) for _ in range(r.randint(1, 12))]
    words[0] = r.choice([words[0], words[0].capitalize(), words[0].upper()])
    return r.choice([" ", " ", " ", "  ", "-", "_", ", "]).join(words) + r.choice(["", ".", "!", "?!", "...", " "])


KINDS = {
    "sentence": sentence,
    "ascii": lambda r: "".join(chr(r.randint(32, 126)) for _ in range(r.randint(1, 40))),
    "digits": lambda r: "".join(r.choice(DIGITS + " .,-") for _ in range(r.randint(1, 25))),
    "code": lambda r: r.choice(["", " ", "    ", "\t"]) + r.choice(CODE) + r.choice(["", r.choice(CODE)]),
    "spaces": lambda r: "".join(r.choice([r.choice(SPACES[:11]), r.choice(SPACES), r.choice(WORDS)])
                                for _ in range(r.randint(1, 15))),
    "run": lambda r: r.choice([" ", "\n", "\t", "=", "-", "a", "0", "é", "!", "_", "漢", "\r\n"]) * r.randint(1, 70)
                     + r.choice(["", "x", " x", "\n", "1"]),
    "script": lambda r: "".join(script(r) for _ in range(r.randint(1, 3))),
    "emoji": lambda r: "".join(r.choice(EMOJI + [" ", "a"]) for _ in range(r.randint(1, 6))),
    "combining": combining,
    "control": lambda r: "".join(r.choice(CONTROL) + r.choice(["", " ", "\n", r.choice(WORDS)])
                                 for _ in range(r.randint(1, 4))),
    "apostrophes": lambda r: "".join(r.choice(["'", "’", "'S", "'s", "'re", "'LL", "'ve", "'m", "'d", "'T", "a", "B", " ", "7"])
                                     for _ in range(r.randint(1, 12))),
    "low": lambda r: "".join(r.choice([chr(r.randint(1, 31)), "\x7f", "a", " "]) for _ in range(r.randint(1, 8))),
}


def any_of(r):
    return KINDS[r.choice(list(KINDS))](r)


def strings(r):
    fixed = ["", " ", "  ", "\n", "\n\n", "a", " a", "a ", "\n\n  0", "Hello world", "  Hello", "3", "33", "333", "3333",
             "1234567890", "don't", "\u0000", "a\u0000b", "\U0010ffff\ue000", "=" * 300, " " * 200, "ab" * 150]
    kinds = list(KINDS)
    made = [KINDS[kinds[i % len(kinds)]](r) for i in range(700)]
    made += ["".join(any_of(r) for _ in range(r.randint(2, 4))) for _ in range(1000 - 700 - len(fixed))]
    return fixed + made


def invalid(r):
    fixed = [b"\xff", b"\xc3", b"a\xc3", b"\xc3(", b"\x80", b"\xbf\xbf", b"\xe2\x82", b"\xe2\x28\xa1", b"\xf0\x9f\x98", b"\xf0\x9f\x98 x",
             b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
             b"\xfe\xfe\xff\xff", b"ok \xff ok", b"\xef\xbf\xbd"]
    made = []
    while len(fixed) + len(made) < 120:
        data = bytearray(any_of(r).encode())
        for _ in range(r.randint(1, 3)):
            at = r.randint(0, len(data))
            data[at : at + r.randint(0, 1)] = bytes([r.randint(0x80, 0xFF)])
        try:
            data.decode()
        except UnicodeDecodeError:
            made.append(bytes(data))
    return fixed + made


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    made = strings(random.Random(SEED))
    assert len(made) == 1000
    (out / "tokenizer_strings.json").write_text(
        "[\n" + ",\n".join(json.dumps(s, ensure_ascii=False) for s in made) + "\n]\n", "utf-8")
    hostile = [b.hex() for b in invalid(random.Random(SEED + 1))]
    (out / "tokenizer_invalid.json").write_text("[\n" + ",\n".join(map(json.dumps, hostile)) + "\n]\n")


main()
