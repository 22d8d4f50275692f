"""Writes tiny/<name>/: random checkpoints saved by transformers, and their logits in tiny/<name>/golden.json.

    tiny_checkpoints.py --out FOLDER

Every parameter is drawn from a seeded generator (norms around 1, biases not 0, Q and K large enough that
attention is peaked). Logits are float32, eager attention, from an empty cache. `config.json` is what transformers 5
writes (`rope_parameters`); `config_v4.json` says the same with the older keys (`rope_theta`, `rope_scaling`,
`torch_dtype`), and is checked here to give the same logits.
"""

import argparse
import hashlib
import json
import pathlib
import shutil

import torch
import transformers

SHAPE = dict(hidden_size=64, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             rms_norm_eps=1e-5, max_position_embeddings=256, bos_token_id=1, eos_token_id=2)
LLAMA = dict(SHAPE, vocab_size=240, tie_word_embeddings=False)


def rope(kind="default", theta=10000.0, **more):
    return {"rope_type": kind, "rope_theta": theta, **more}


CASES = {  # name: (class stem, settings, rope, dtype, shard size, ids)
    "llama": ("Llama", LLAMA, rope(), torch.float32, None, 64),
    "llama_llama3": ("Llama", LLAMA, rope("llama3", 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                          original_max_position_embeddings=32), torch.float32, None, 96),
    "llama_linear": ("Llama", LLAMA, rope("linear", factor=4.0), torch.float32, None, 96),
    "llama_yarn": ("Llama", dict(LLAMA, max_position_embeddings=128),
                   rope("yarn", factor=4.0, original_max_position_embeddings=32), torch.float32, None, 96),
    "mistral": ("Mistral", dict(LLAMA, sliding_window=None, head_dim=16), rope(theta=1e6), torch.float32, "100KB", 64),
    "qwen2": ("Qwen2", dict(SHAPE, vocab_size=320, tie_word_embeddings=True), rope(theta=1e6), torch.float32, None, 64),
    "qwen3": ("Qwen3", dict(SHAPE, vocab_size=320, tie_word_embeddings=True, head_dim=32, num_hidden_layers=3),
              rope(theta=1e6), torch.bfloat16, None, 64),
}


def randomise(model, generator):
    for name, value in model.named_parameters():
        noise = torch.randn(value.shape, generator=generator)
        if "norm" in name:
            value.data = 1 + 0.2 * noise
        elif name.endswith("bias"):
            value.data = 0.3 * noise
        elif "embed_tokens" in name:
            value.data = 0.5 * noise
        else:
            gain = 2.0 if "q_proj" in name or "k_proj" in name else 1.0
            value.data = gain * noise / value.shape[1] ** 0.5
    model.tie_weights()


def logits_of(folder, ids, config=None):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=torch.float32, attn_implementation="eager").eval()
    return model(torch.tensor([ids])).logits[0]


def older_config(config):
    old = {k: v for k, v in config.items() if k not in ("rope_parameters", "dtype", "transformers_version", "layer_types")}
    scaling = dict(config["rope_parameters"])
    old["rope_theta"], kind = scaling.pop("rope_theta"), scaling["rope_type"]
    old["rope_scaling"] = None if kind == "default" else scaling
    return dict(old, torch_dtype=config["dtype"])


def write(out, name, seed):
    stem, settings, rope_parameters, dtype, shard, count = CASES[name]
    config = getattr(transformers, stem + "Config")(**settings, rope_parameters=rope_parameters)
    generator = torch.Generator().manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config)
    randomise(model, generator)
    folder = out / "tiny" / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)

    ids = torch.randint(3, settings["vocab_size"], (count,), generator=generator).tolist()
    positions = [0, 1, 2, 7, count // 4, count // 2, count - 2, count - 1]
    logits = logits_of(folder, ids)
    old = older_config(json.loads((folder / "config.json").read_text()))
    (folder / "config_v4.json").write_text(json.dumps(old, indent=2) + "\n")
    parsed = transformers.AutoConfig.for_model(**json.loads((folder / "config_v4.json").read_text()))
    assert torch.equal(logits, logits_of(folder, ids, parsed)), name
    plain = transformers.AutoConfig.for_model(**dict(old, rope_scaling=None))
    effect = (logits - logits_of(folder, ids, plain)).abs().max().item()
    assert (effect > 0.1) == (rope_parameters["rope_type"] != "default"), (name, effect)

    files = sorted(folder.glob("*.safetensors"))
    golden = {"model_type": config.model_type, "dtype": str(dtype).split(".")[1],
              "files_sha256": {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files},
              "max_abs_effect_of_rope_scaling": effect, "ids": ids, "positions": positions,
              "logits": logits[positions].tolist()}
    rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in golden.items())
    (folder / "golden.json").write_text("{\n" + rows.replace("], [", "],\n[") + "\n}\n")
    print(name, sum(f.stat().st_size for f in files), len(files), f"std {logits.std():.2f} effect {effect:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    torch.set_grad_enabled(False)
    for seed, name in enumerate(CASES, 1):
        write(out, name, seed)


main()
