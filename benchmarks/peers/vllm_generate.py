"""Peer: vLLM's CPU build, its `LLM` class in a process of its own, without a server.

Run by the benchmarks as a worker, in the environment of `make venv-vllm`. Options:
`max_running` (responses decoded at once), `kv_cache_gib`, `compiled`. An order may ask for the
log-probability of each sampled token, which training needs and which costs vLLM time.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks._worker import Facts, Order, Spec, Work, serve
from benchmarks._workload import Workload, digest
from benchmarks.peers.groups import in_groups


def prepare(spec: Spec) -> tuple[Facts, Work]:
    """Start the engine with its prefix cache, so that a group's prompt is computed once as on our side."""
    os.environ["VLLM_CPU_KVCACHE_SPACE"] = str(spec.options["kv_cache_gib"])
    os.environ["VLLM_CPU_OMP_THREADS_BIND"] = _cores(spec.threads)
    os.environ["VLLM_LOGGING_LEVEL"] = "WARNING"
    os.environ["VLLM_NO_USAGE_STATS"] = "1"
    # read by vLLM when it is imported
    import vllm
    from vllm import LLM, SamplingParams
    from vllm.inputs import TokensPrompt

    workload = Workload.read(Path(spec.workload))
    longest_prompt = max(len(each.prompt_tokens) for each in workload.problems)
    engine = LLM(
        workload.model_path,
        dtype=spec.dtype,
        max_model_len=longest_prompt + workload.cap + 1,
        max_num_seqs=spec.options["max_running"],
        enforce_eager=not spec.options["compiled"],
        logprobs_mode="processed_logprobs",
        disable_log_stats=True,
        seed=1,
    )

    def work(order: Order) -> Facts:
        lengths_NM = workload.lengths_NM(order.case)
        prompts, params = [], []
        for each, lengths_M in zip(workload.problems, lengths_NM, strict=True):
            for length in lengths_M:
                prompts.append(TokensPrompt(prompt_token_ids=each.prompt_tokens))
                params.append(
                    SamplingParams(
                        temperature=1.0,
                        max_tokens=length,
                        ignore_eos=True,
                        detokenize=False,
                        logprobs=0 if order.logprobs else None,
                    )
                )
        engine.reset_prefix_cache()
        start = time.perf_counter()
        outputs = engine.generate(prompts, params, use_tqdm=False)
        seconds = time.perf_counter() - start
        lengths = [len(output.outputs[0].token_ids) for output in outputs]
        sent = [output.prompt_token_ids for output in outputs[:: len(lengths_NM[0])]]
        return {
            "seconds": seconds,
            "lengths_NM": in_groups(lengths, len(lengths_NM[0])),
            "prompt_digest": digest(sent),
        }

    facts = {
        "name": f"vLLM {vllm.__version__} (CPU build)",
        "dtype": spec.dtype,
        "threads": spec.threads,
        "compiled": spec.options["compiled"],
    }
    return facts, work


def _cores(threads: int) -> str:
    """The first cores that this process may use, as vLLM's binding wants them."""
    return ",".join(map(str, sorted(os.sched_getaffinity(0))[:threads]))


if __name__ == "__main__":
    serve(prepare)
