"""Peer: decode of vLLM on one GPU, for the work of `benchmarks.gpu`, with the log-probability of each token.

python -m benchmarks.peers.vllm_gpu
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.gpu import SHAPE, Sizes, bandwidth, decode_bytes


def main() -> int:
    import torch
    from vllm import LLM, SamplingParams

    sizes = Sizes()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(hugging_face_config()))
        engine = LLM(
            folder,
            load_format="dummy",
            skip_tokenizer_init=True,
            dtype="bfloat16",
            max_model_len=sizes.prompt + sizes.response + 1,
            max_num_seqs=sizes.rows,
            logprobs_mode="processed_logprobs",
            seed=1,
        )
    prompt = np.random.default_rng(0).integers(SHAPE.vocab_size, size=sizes.prompt).tolist()
    params = SamplingParams(max_tokens=sizes.response, ignore_eos=True, detokenize=False, logprobs=0)
    taken = 0.0
    for _ in range(2):  # the first call warms up
        engine.reset_prefix_cache()
        start = time.perf_counter()
        engine.generate([{"prompt_token_ids": prompt}] * sizes.rows, params, use_tqdm=False)
        taken = time.perf_counter() - start
    limit = decode_bytes(SHAPE, sizes) / bandwidth(torch.device("cuda"), 1 << 28)
    done = {"seconds": taken, "tokens_per_s": sizes.rows * sizes.response / taken, "share": limit / taken}
    sys.stdout.write(json.dumps({"peer": "vllm", "sizes": asdict(sizes), **done}) + "\n")
    return 0


def hugging_face_config() -> dict[str, object]:
    """`config.json` of the shape."""
    return {
        "architectures": [SHAPE.architecture],
        "model_type": "qwen2",
        "num_hidden_layers": SHAPE.num_layers,
        "hidden_size": SHAPE.hidden_size,
        "intermediate_size": SHAPE.intermediate_size,
        "num_attention_heads": SHAPE.num_heads,
        "num_key_value_heads": SHAPE.num_kv_heads,
        "vocab_size": SHAPE.vocab_size,
        "rms_norm_eps": SHAPE.norm_eps,
        "rope_theta": SHAPE.rope_theta,
        "tie_word_embeddings": SHAPE.is_head_tied,
        "max_position_embeddings": SHAPE.max_positions,
        "torch_dtype": "bfloat16",
    }


if __name__ == "__main__":
    sys.exit(main())
