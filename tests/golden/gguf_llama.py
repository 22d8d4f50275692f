"""Loads a llama GGUF file into transformers in float32, and evaluates it exactly in float64.

Two readings of the same dequantised weights. `load_transformers` undoes the row order that llama.cpp gives
to Q and K (it rotates neighbours 2i, 2i+1; transformers rotates i, i + D/2). `forward_float64` keeps the
file's order, computes everything in float64 and the rotation angles without float32 rounding: what it
differs from transformers by is the rounding noise of float32, against which a tolerance can be set.
"""

import gguf
import numpy as np
import torch
import transformers


class GgufLlama:
    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        get = lambda key: reader.fields["llama." + key].contents()
        self.layers, self.embed = get("block_count"), get("embedding_length")
        self.heads, self.kv_heads = get("attention.head_count"), get("attention.head_count_kv")
        self.head_dim, self.theta = self.embed // self.heads, get("rope.freq_base")
        self.eps, self.hidden = get("attention.layer_norm_rms_epsilon"), get("feed_forward_length")
        self.context = get("context_length")
        self.weights = {t.name: gguf.dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors}
        self.vocab = self.weights["token_embd.weight"].shape[0]

    def load_transformers(self, dtype=torch.float32):
        config = transformers.LlamaConfig(
            vocab_size=self.vocab, hidden_size=self.embed, intermediate_size=self.hidden,
            num_hidden_layers=self.layers, num_attention_heads=self.heads, num_key_value_heads=self.kv_heads,
            head_dim=self.head_dim, rms_norm_eps=self.eps, max_position_embeddings=self.context,
            tie_word_embeddings="output.weight" not in self.weights, attn_implementation="sdpa",
            rope_parameters={"rope_type": "default", "rope_theta": self.theta})
        names = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
                 "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
                 "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
                 "ffn_down": "mlp.down_proj", "token_embd": "model.embed_tokens", "output_norm": "model.norm",
                 "output": "lm_head"}
        state = {}
        for name, value in self.weights.items():
            parts = name.split(".")
            if parts[-2] in ("attn_q", "attn_k"):  # [heads, D/2, 2, E] -> [heads, 2, D/2, E]
                value = value.reshape(-1, self.head_dim // 2, 2, self.embed).swapaxes(1, 2).reshape(value.shape)
            prefix = f"model.layers.{parts[1]}." if parts[0] == "blk" else ""
            state[f"{prefix}{names[parts[-2]]}.weight"] = torch.from_numpy(np.ascontiguousarray(value))
        model = transformers.LlamaForCausalLM(config)
        missing, unexpected = model.load_state_dict(state, strict=False)
        assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
        model.tie_weights()
        assert abs(model.model.rotary_emb.inv_freq[1].item() - self.theta ** (-2 / self.head_dim)) < 1e-7
        return model.to(dtype).eval()

    def forward_float64(self, ids, block=512):
        """Final normed hidden states [T, E] and the head [V, E], both float64."""
        w = {name: torch.from_numpy(value).double() for name, value in self.weights.items()}
        norm = lambda x, g: x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.eps) * g
        steps = len(ids)
        angle = torch.arange(steps).double()[:, None] * self.theta ** (
            -torch.arange(0, self.head_dim, 2).double() / self.head_dim)
        cos, sin = angle.cos()[:, None], angle.sin()[:, None]

        def rotate(x):  # [T, H, D], pairs (2i, 2i + 1)
            even, odd = x[..., 0::2], x[..., 1::2]
            return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)

        x = w["token_embd.weight"][torch.as_tensor(np.array(ids, np.int64))]
        for layer in range(self.layers):
            g = lambda name: w[f"blk.{layer}.{name}.weight"]
            n = norm(x, g("attn_norm"))
            q = rotate((n @ g("attn_q").T).view(steps, self.heads, -1))
            k = rotate((n @ g("attn_k").T).view(steps, self.kv_heads, -1))
            v = (n @ g("attn_v").T).view(steps, self.kv_heads, -1)
            mixed = torch.empty_like(q)
            for begin in range(0, steps, block):
                end = min(begin + block, steps)
                hidden = torch.arange(end) > torch.arange(begin, end)[:, None]
                for head in range(self.heads):
                    source = head * self.kv_heads // self.heads
                    score = q[begin:end, head] @ k[:end, source].T / self.head_dim**0.5
                    mixed[begin:end, head] = score.masked_fill_(hidden, -np.inf).softmax(-1) @ v[:end, source]
            x = x + mixed.flatten(1) @ g("attn_output").T
            n = norm(x, g("ffn_norm"))
            x = x + (torch.nn.functional.silu(n @ g("ffn_gate").T) * (n @ g("ffn_up").T)) @ g("ffn_down").T
        return norm(x, w["output_norm.weight"]), w.get("output.weight", w["token_embd.weight"])
