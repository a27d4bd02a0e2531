"""Peer: `transformers` `generate` over the whole batch at once, as a static batch samples.

Run by the benchmarks as a worker. Options: `num_rows`, responses per call of generate (None = all).

Shape legend: R rows of one call, P padded prompt tokens, S response tokens.
"""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, LogitsProcessorList, PreTrainedModel

from benchmarks._worker import Facts, Order, Spec, Work, peak_memory_bytes, serve
from benchmarks._workload import Workload, digest
from benchmarks.peers.forced_lengths import ForcedLengths, response_lengths
from benchmarks.peers.groups import in_groups

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def prepare(spec: Spec) -> tuple[Facts, Work]:
    """Load the model; the work is one batch of all responses."""
    torch.set_num_threads(spec.threads)
    workload = Workload.read(Path(spec.workload))
    model = AutoModelForCausalLM.from_pretrained(workload.model_path, dtype=DTYPES[spec.dtype]).eval()
    num_rows: int | None = spec.options["num_rows"]
    torch.manual_seed(1)

    def work(order: Order) -> Facts:
        lengths = [n for row in workload.lengths_NM(order.case) for n in row]
        prompts = [a.prompt_tokens for a in workload.problems for _ in workload.lengths_NM(order.case)[0]]
        step = num_rows or len(lengths)
        done: list[int] = []
        start = spec.now()
        for at in range(0, len(lengths), step):
            done += _generate(model, prompts[at : at + step], lengths[at : at + step], workload.cap)
        seconds = spec.now() - start
        return {
            "seconds": seconds,
            "lengths_NM": in_groups(done, len(workload.lengths_NM(order.case)[0])),
            "prompt_digest": digest([a.prompt_tokens for a in workload.problems]),
            "peak_memory_bytes": peak_memory_bytes(),
        }

    facts = {
        "name": f"transformers {transformers.__version__} generate",
        "torch": torch.__version__,
        "dtype": spec.dtype,
        "threads": torch.get_num_threads(),
        "attention": model.config._attn_implementation,
    }
    return facts, work


def _generate(model: PreTrainedModel, prompts: list[list[int]], lengths_R: list[int], cap: int) -> list[int]:
    """Sample one static batch, prompts padded on the left, and return the length of each response [R]."""
    pad = model.generation_config.pad_token_id
    eos = model.generation_config.eos_token_id
    longest = max(map(len, prompts))
    tokens_RP = torch.full((len(prompts), longest), pad)
    mask_RP = torch.zeros((len(prompts), longest), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        tokens_RP[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask_RP[row, longest - len(prompt) :] = 1
    with torch.inference_mode():
        tokens_RS = model.generate(
            input_ids=tokens_RP,
            attention_mask=mask_RP,
            do_sample=True,
            temperature=1.0,
            top_p=1.0,
            top_k=0,
            max_new_tokens=cap,
            logits_processor=LogitsProcessorList([ForcedLengths(lengths_R, cap, eos)]),
        )
    return response_lengths(tokens_RS[:, longest:], eos)


if __name__ == "__main__":
    serve(prepare)
