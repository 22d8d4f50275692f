"""One timing of transformers on the CPU, in milliseconds as JSON: {"ms": ...}.

The model is the same GGUF file, asked for in bf16; whether its weights stay packed is the version's choice. Token ids are
random: only time is told.
"""

import argparse
import json
import os
import time

import torch
import transformers


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--kind", choices=["prefill", "decode", "rows"], required=True)
    parser.add_argument("--count", type=int, required=True, help="tokens read, decoded or verified")
    parser.add_argument("--depth", type=int, default=0, help="cached tokens before")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    folder, name = os.path.split(os.path.realpath(arguments.model))
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.bfloat16)
    cache = transformers.DynamicCache()

    def feed(count, logits):
        ids = torch.randint(0, model.config.vocab_size, (1, count))
        model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=logits)

    with torch.inference_mode():
        if arguments.depth:
            feed(arguments.depth, 1)
        begin = time.perf_counter()
        if arguments.kind == "decode":
            for _ in range(arguments.count):
                feed(1, 1)
        else:
            feed(arguments.count, arguments.count if arguments.kind == "rows" else 1)
        print(json.dumps({"ms": (time.perf_counter() - begin) * 1000}))


main()
