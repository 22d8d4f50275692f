"""Writes minilm.json (texts and ids) and minilm.bin (vectors) with transformers and torch, in float32.

    minilm.py --model all-MiniLM-L6-v2 --out FOLDER

The vectors are the mean of the last layer's rows, [CLS] and [SEP] included, made of length 1. Special tokens that a
text spells are split like any other text; the file's truncation is turned off.
"""

import argparse
import hashlib
import json
import pathlib

import tokenizers
import torch
import transformers

import minilm_texts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model, split_special_tokens=True)
    model = transformers.AutoModel.from_pretrained(args.model, dtype=torch.float32, attn_implementation="eager").eval()
    texts = minilm_texts.texts()
    ids, vectors = [], []
    for text in texts:
        encoded = tokenizer(text, return_tensors="pt", truncation=False)
        assert encoded["input_ids"].shape[1] <= 256, text
        with torch.no_grad():
            rows = model(**encoded).last_hidden_state
        mask = encoded["attention_mask"].unsqueeze(-1).to(rows.dtype)
        mean = (rows * mask).sum(1) / mask.sum(1)
        vectors.append(torch.nn.functional.normalize(mean, dim=1)[0])
        ids.append(encoded["input_ids"][0].tolist())
    data = torch.stack(vectors).numpy().astype("<f4").tobytes()
    head = {"model": "all-MiniLM-L6-v2", "weights_sha256": digest(args.model / "model.safetensors"),
            "versions": {"transformers": transformers.__version__, "torch": torch.__version__,
                         "tokenizers": tokenizers.__version__},
            "dims": len(data) // 4 // len(texts), "vectors_sha256": hashlib.sha256(data).hexdigest()}
    lines = (json.dumps({"text": text, "ids": row}, separators=(",", ":")) for text, row in zip(texts, ids))
    (args.out / "minilm.json").write_text(json.dumps(head)[:-1] + ',\n"texts": [\n' + ",\n".join(lines) + "]}\n")
    (args.out / "minilm.bin").write_bytes(data)
    print(len(texts), "texts, at most", max(map(len, ids)), "ids")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
