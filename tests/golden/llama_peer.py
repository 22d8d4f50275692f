"""Calls the `llama_peer` program (llama_peer.cpp) on lists of strings or ids."""

import pathlib
import struct
import subprocess
import tempfile

import numpy as np


def _run(peer, command, model, payload):
    with tempfile.TemporaryDirectory() as folder:
        source, result = pathlib.Path(folder, "in"), pathlib.Path(folder, "out")
        source.write_bytes(payload)
        subprocess.run([peer, command, model, source, result], check=True)
        return result.read_bytes()


def tokenize(peer, model, texts):
    """texts: list of bytes. Returns one int32 array per text, None where llama.cpp threw."""
    raw = _run(peer, "tokenize", model, b"".join(struct.pack("<I", len(t)) + t for t in texts))
    values, at, ids = np.frombuffer(raw, "<i4"), 0, []
    for _ in texts:
        count = int(values[at])
        ids.append(values[at + 1 : at + 1 + count] if count >= 0 else None)
        at += 1 + max(count, 0)
    assert at == len(values)
    return ids


def logits(peer, model, ids, positions):
    """Logits [len(positions), V] f32 after a prefill in batches of 512, flash attention, f16 cache; positions ascend."""
    parts = [np.int32(len(ids)), np.asarray(ids, "<i4"), np.int32(len(positions)), np.asarray(positions, "<i4")]
    raw = _run(peer, "logits", model, b"".join(p.tobytes() for p in parts))
    return np.frombuffer(raw, "<f4").reshape(len(positions), -1)
