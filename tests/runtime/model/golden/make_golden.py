"""Writes dequantize.txt and rope.txt beside this script, from independent implementations.

Needs the packages gguf and transformers (with torch). Made with gguf 0.19.0 and transformers 5.23.0:
    pip install gguf transformers torch && python make_golden.py
"""

import pathlib

import numpy as np
from gguf import GGMLQuantizationType, quants
from gguf.constants import GGML_QUANT_SIZES

HERE = pathlib.Path(__file__).parent
BLOCKS = 3

# Where each block type keeps its f16 scales: random bits there would be NaN once in 32.
SCALES = {"F16": [], "BF16": [], "F32": [], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
          "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def dequantize_golden():
    rng = np.random.default_rng(20261120)
    lines = ["# type, then the bytes of its blocks, then the bits of each f32, from gguf.quants.dequantize"]
    for name, places in SCALES.items():
        kind = GGMLQuantizationType[name]
        block_size, block_bytes = GGML_QUANT_SIZES[kind]
        blocks = BLOCKS if block_size > 1 else 40
        data = rng.integers(0, 256, (blocks, block_bytes), dtype=np.uint8)
        if not places:
            values = rng.normal(size=blocks).astype(np.float32) * np.float32(10.0) ** rng.integers(-7, 4, blocks)
            values = values.astype(np.float32)
            data = {"F32": values.view(np.uint8), "F16": values.astype(np.float16).view(np.uint8),
                    "BF16": np.ascontiguousarray(values.view(np.uint16)[1::2]).view(np.uint8)}[name]
            data = data.reshape(blocks, block_bytes)
        for place in places:
            exponents = np.float32(2.0) ** rng.integers(-20, 2, blocks)
            scales = (rng.normal(size=blocks).astype(np.float32) * exponents).astype(np.float16)
            data[:, place:place + 2] = scales.view(np.uint8).reshape(blocks, 2)
        out = quants.dequantize(data.reshape(1, -1), kind).reshape(-1).astype(np.float32)
        lines += [name.lower().replace("_k", "_K"), data.tobytes().hex(), out.tobytes().hex()]
    (HERE / "dequantize.txt").write_text("\n".join(lines) + "\n")


def rope_golden():
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    cases = {
        "linear": dict(rope_type="linear", factor=4.0),
        "yarn": dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=2048),
        "yarn_attention": dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=4096,
                               attention_factor=1.25, beta_fast=16.0, beta_slow=2.0),
        "yarn_mscale": dict(rope_type="yarn", factor=40.0, original_max_position_embeddings=4096, mscale=0.707,
                            mscale_all_dim=1.0),
        "llama3": dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                       original_max_position_embeddings=8192),
    }
    lines = ["# case, then the magnitude, then the inverse frequencies, from transformers (f32); head dim 64, "
             "theta 500000"]
    for name, rope in cases.items():
        config = LlamaConfig(hidden_size=256, num_attention_heads=4, max_position_embeddings=16384,
                             rope_parameters=dict(rope, rope_theta=500000.0))
        frequencies, magnitude = ROPE_INIT_FUNCTIONS[rope["rope_type"]](config, "cpu")
        lines += [name, repr(float(magnitude)), " ".join(repr(float(f)) for f in frequencies)]
    (HERE / "rope.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    dequantize_golden()
    rope_golden()
