"""Obstacles of a run on a machine: those that `or1 doctor` prints are those that `or1 train` refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from or1 import recipes
from or1.assemble import generators, read_model, train
from or1.assemble import obstacles as subject
from or1.assemble.memory import (
    explained_run,
    is_out_of_memory,
    run_settings,
    sampling_line,
    sampling_settings,
)
from or1.assemble.obstacles import Machine, known_shape, obstacles
from or1.cli import doctor
from or1.config import ModelConfig, RolloutConfig, SystemConfig
from or1.errors import ConfigError, ModelError, OutOfMemoryError
from or1.evals.request import evaluation_settings
from or1.memory import (
    GIB,
    PUBLISHED,
    MemoryEstimate,
    estimate,
    num_block_parameters,
    num_parameters,
)
from or1.types import Message
from or1_verify.sandbox import Capabilities, Level, detect
from or1_verify.sandbox.detection import Lack

LACK = Lack(level=max(Level), why="no kernel support", remedy="use Linux")


def no_sandbox() -> Capabilities:
    return Capabilities(level=None, lacks=(LACK,))


def weak_sandbox() -> Capabilities:
    return Capabilities(level=min(Level), lacks=(LACK,))


LARGE = Machine(
    free_memory_bytes=1 << 50,
    num_gpus=1,
    free_gpu_bytes=80 * GIB,
    free_disk_bytes=1 << 50,
    has_bfloat16=True,
    sandbox=detect,
)
SMALL = replace(LARGE, num_gpus=0, free_gpu_bytes=0, has_bfloat16=False, free_memory_bytes=24 * GIB)
AHEAD = ("rollout.max_staleness=1", "loss.importance_cap=2.0")


def found(name: str, machine: Machine, *sets: str) -> str:
    run = recipes.load(name, list(sets))
    return "; ".join(obstacles(run, machine, known_shape(run)))


@pytest.mark.parametrize(
    ("name", "machine", "sets", "part"),
    [
        ("tiny", SMALL, (), ""),
        ("r1-distill-1.5b-1gpu", LARGE, (), ""),
        ("r1-distill-1.5b-1gpu", SMALL, (), "the run needs about 6"),
        ("r1-distill-7b-lora-1gpu", LARGE, (), ""),
        ("or1-7b", LARGE, ("rollout.engine=local",), "and 80.00 GiB are free: "),
        (
            "or1-7b",
            replace(LARGE, num_gpus=8),
            (
                "rollout.engine=local",
                "system.backend=fsdp",
                "system.num_ranks=8",
                "system.recompute_activations=true",
            ),
            "",
        ),
        (
            "r1-distill-1.5b-1gpu",
            LARGE,
            ("system.backend=fsdp", "system.num_ranks=2"),
            "system.num_ranks = 2 and 1 GPU: each rank needs one",
        ),
        ("or1-32b", LARGE, (), 'rollout.engine = "vllm" needs vllm'),
        ("tiny", replace(SMALL, free_memory_bytes=60 << 20), (), "and 0.06 GiB are free: lower"),
        (
            "tiny",
            replace(SMALL, free_disk_bytes=1 << 20),
            (),
            "a checkpoint takes 0.0 GiB and the disk has 0.0",
        ),
        ("qwen-0.5b-gsm8k", SMALL, (), ""),
        ("qwen-0.5b-gsm8k", replace(SMALL, sandbox=no_sandbox), (), ""),
        (
            "qwen-0.5b-code",
            replace(SMALL, sandbox=no_sandbox),
            (),
            "no code sandbox works here: no kernel support",
        ),
        (
            "qwen-0.5b-code",
            replace(SMALL, sandbox=weak_sandbox),
            (),
            "too weak for training: use Linux, or set verify",
        ),
        (
            "qwen-0.5b-code",
            replace(SMALL, sandbox=weak_sandbox),
            ("verify.code.allow_weak_sandbox=true",),
            "",
        ),
        ("tiny", LARGE, ("system.backend=fsdp", "system.num_ranks=2"), "system.num_ranks = 2 and 1 GPU"),
        (
            "tiny",
            LARGE,
            AHEAD,
            'rollout.max_staleness = 1 samples during the update, and rollout.engine = "local"',
        ),
        ("tiny", SMALL, AHEAD, ""),
        ("tiny", SMALL, ("system.device=cuda",), 'system.device = "cuda"'),
        ("tiny", SMALL, ("system.backend=fspd",), 'system.backend = "fspd" does not exist'),
        ("tiny", SMALL, ("rollout.engine=sglang",), 'rollout.engine = "sglang" does not exist'),
    ],
)
def test_each_obstacle_is_named(name: str, machine: Machine, sets: tuple[str, ...], part: str) -> None:
    line = found(name, machine, *sets)
    assert part in line
    assert bool(line) == bool(part)


def test_sampling_ahead_costs_two_copies_of_the_weights() -> None:
    shape = PUBLISHED["deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"]  # 7.6e9 parameters
    run = recipes.load("or1-7b", ["rollout.max_staleness=1", "loss.importance_cap=2.0"])
    needed = estimate(shape, run_settings(run, 2, on_gpu=False))
    assert needed.kept_weights == 2 * needed.weights
    assert needed.kept_weights / GIB == pytest.approx(28.4, abs=0.1)
    assert needed.trainer - replace(needed, kept_weights=0).trainer == needed.kept_weights
    ranks = recipes.load("or1-7b", [*AHEAD, "system.backend=fsdp", "system.num_ranks=8"])
    assert estimate(shape, run_settings(ranks, 2, on_gpu=True)).kept_weights == 0  # files of the host


def test_a_model_without_a_folder() -> None:
    with pytest.raises(ModelError, match="no model folder at /none"):
        found("tiny", SMALL, "model.path=/none/model")
    assert known_shape(recipes.load("tiny", ["model.path=owner/unknown-model"])) is None


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", ("Qwen/Qwen2.5-0.5B-Instruct", None)),
        ("Qwen/Qwen2.5-0.5B-Instruct@main", ("Qwen/Qwen2.5-0.5B-Instruct", "main")),
        ("Qwen/Qwen2.5-0.5B-Instruct@refs/pr/1", ("Qwen/Qwen2.5-0.5B-Instruct", "refs/pr/1")),
    ],
)
def test_a_pinned_model_is_known_by_its_name(
    path: str, asked: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for in the cache of the hub, and never downloaded."""
    calls = []

    def not_there(name: str, *, revision: str | None, local_files_only: bool, **rest: object) -> str:
        calls.append((name, revision))
        assert local_files_only
        raise OSError

    monkeypatch.setattr(subject, "snapshot_download", not_there)
    assert known_shape(recipes.load("tiny", [f"model.path={path}"])) == PUBLISHED[asked[0]]
    assert calls == [asked]


def test_the_sandbox_is_tried_by_runs_of_programs_alone() -> None:
    tried = []
    noted = replace(SMALL, sandbox=lambda: tried.append(1) or weak_sandbox())
    assert found("qwen-0.5b-gsm8k", noted) == ""
    assert tried == []
    assert "too weak for training" in found("qwen-0.5b-code", noted)
    assert tried == [1]


@pytest.mark.parametrize("lack", [{"free_memory_bytes": 60 << 20}, {"free_disk_bytes": 1 << 20}])
def test_train_refuses_what_doctor_says(
    lack: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor = replace(SMALL, **lack)
    monkeypatch.setattr(subject, "this_machine", lambda out: poor)
    run = recipes.load("tiny")
    said = doctor.recipe_line("tiny", poor)
    with pytest.raises(ConfigError) as refusal:
        train(run, tmp_path / "run")
    assert said == f"  cannot   tiny: {refusal.value}"
    assert list(tmp_path.iterdir()) == []


def test_a_line_names_the_largest_phase_and_its_settings() -> None:
    run = recipes.load("tiny", ["stages.1.max_response_tokens=1000000"])
    line = found("tiny", SMALL, "stages.1.max_response_tokens=1000000")
    assert "lower rollout.max_running, lower max_response_tokens of the stages" in line
    assert "model.lora" not in line
    shape = known_shape(run)
    assert shape is not None
    assert estimate(shape, run_settings(run, 4, on_gpu=False)).kv_cache > 900 * GIB
    assert estimate(shape, run_settings(run, 4, on_gpu=True)).kv_cache < 3 * GIB


def test_a_microbatch_is_no_larger_than_its_minibatch_and_holds_a_sequence() -> None:
    sets = ["rollout.max_prompt_tokens=100", "stages.1.num_problems=2", "stages.0.num_problems=2"]
    run = recipes.load("tiny", [*sets, "stages.0.group_size=2", "stages.1.group_size=2"])
    assert run_settings(run, 4, on_gpu=False).microbatch_tokens == 4 * 260
    run = recipes.load("tiny", [*sets, "system.tokens_per_microbatch=10"])
    assert run_settings(run, 4, on_gpu=False).microbatch_tokens == 260


SEVEN = PUBLISHED["deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"]
TWO_RANKS = ["system.backend=fsdp", "system.num_ranks=2", "system.recompute_activations=true"]


def held(*sets: str, on_gpu: bool = True) -> MemoryEstimate:
    run = recipes.load("or1-7b", [*TWO_RANKS, *sets])
    return estimate(SEVEN, run_settings(run, 2, on_gpu=on_gpu))


def test_offloaded_shards_take_no_memory_of_the_gpu() -> None:
    """The embedding and two layers in bfloat16 are what a rank gathers from them."""
    plain, offloaded = held(), held("system.offload_optimizer=true")
    assert plain.peak - offloaded.peak == num_parameters(SEVEN) * (2 + 4 + 4 + 8) // 2
    assert (offloaded.masters, offloaded.gradients, offloaded.moments) == (0, 0, 0)
    layer = num_block_parameters(SEVEN) // SEVEN.num_layers
    assert offloaded.weights == 2 * (SEVEN.vocab_size * SEVEN.hidden_size + 2 * layer)
    assert offloaded.activations == plain.activations
    on_cpu = held("system.offload_optimizer=true", on_gpu=False)
    assert on_cpu == held(on_gpu=False), "the memory of the host is that of the run"


def test_offloaded_shards_need_the_memory_of_the_host() -> None:
    """18 bytes for each of 7.6 billion weights are 127.7 GiB, those of both ranks together."""
    sets = (*TWO_RANKS, "system.offload_optimizer=true")
    rich = replace(LARGE, num_gpus=2)
    assert "offload" not in found("or1-7b", rich, *sets)
    line = found("or1-7b", replace(rich, free_memory_bytes=100 * GIB), *sets)
    assert (
        "system.offload_optimizer puts 127.7 GiB into the memory of the host, and 100.0 GiB are free" in line
    )


def test_ranks_that_compute_a_sequence_together_hold_a_part_of_it() -> None:
    plain, shared = held(), held("system.context_parallel=2")
    assert shared.activations * 2 == plain.activations
    assert shared.moments == plain.moments


def test_gradients_that_are_summed_once_are_whole_on_each_rank() -> None:
    num = num_parameters(SEVEN)
    assert held("system.sum_gradients_once=true").gradients == 4 * num + 4 * num // 2
    assert held().gradients == 4 * num // 2


def test_ranks_on_cpus_share_the_memory_of_the_machine() -> None:
    """One set of weights and moments, and the working memory of both ranks."""
    one, two = held("system.num_ranks=1", on_gpu=False), held(on_gpu=False)
    assert (two.moments, two.gradients, two.kv_cache) == (one.moments, one.gradients, one.kv_cache)
    assert (two.activations, two.layer, two.logits) == (2 * one.activations, 2 * one.layer, 2 * one.logits)


def test_a_checkpoint_holds_each_weight_once() -> None:
    """0.49 billion weights and two moments in float32 are 5.5 GiB, whatever the number of ranks."""
    poor = replace(SMALL, free_disk_bytes=1 << 30, free_memory_bytes=1 << 50)
    sets = ("system.backend=fsdp", "system.num_ranks=4")
    assert "a checkpoint takes 5.5 GiB" in found("qwen-0.5b-gsm8k", poor)
    assert "a checkpoint takes 5.5 GiB" in found("qwen-0.5b-gsm8k", poor, *sets)
    assert found("qwen-0.5b-gsm8k", poor, "system.optimizer_bits=8").startswith("a checkpoint takes 2.8 GiB")


@pytest.mark.parametrize(
    ("sets", "named", "not_named"),
    [
        ((), ("set system.optimizer_bits = 8", "set model.lora"), ("num_ranks", "offload")),
        (
            ("system.optimizer_bits=8", "system.recompute_activations=true"),
            ("set model.lora",),
            ("optimizer_bits", "recompute"),
        ),
        (
            TWO_RANKS,
            ("set system.offload_optimizer = true", "raise system.num_ranks"),
            ("optimizer_bits", "model.lora", "recompute"),
        ),
        (("system.backend=mine.py:make_backend",), (), ("the run needs",)),
    ],
)
def test_remedies_are_those_that_the_run_allows(
    sets: Sequence[str], named: Sequence[str], not_named: Sequence[str]
) -> None:
    line = found("or1-7b", replace(LARGE, num_gpus=2, free_gpu_bytes=20 * GIB), *sets)
    assert [part for part in named if part not in line] == []
    assert [part for part in not_named if part in line] == []


@pytest.mark.parametrize(("num_requests", "slots"), [(4, 4), (900, 512), (None, 512)])
def test_an_evaluation_takes_no_more_slots_than_it_has_samples(num_requests: int | None, slots: int) -> None:
    rollout = RolloutConfig(max_running=512, max_response_tokens=32_768)
    assert sampling_settings(rollout, 4, 500, num_requests, on_gpu=False).slots == slots


def test_sampling_needs_no_optimizer() -> None:
    settings = replace(run_settings(recipes.load("or1-7b"), 2, on_gpu=True), slots=8)
    assert sampling_line(SEVEN, settings, 40 * GIB) is None
    line = sampling_line(SEVEN, settings, 10 * GIB)
    assert line is not None
    assert "moments" not in line
    assert "lower max_running, lower max_response_tokens" in line


def test_the_longest_prompt_has_all_of_its_messages() -> None:
    """300 and 200 bytes and the chat template; the largest message alone would be 556."""
    prompt = (Message("system", "x" * 200), Message("user", "y" * 300))
    short = (Message("user", "z" * 310),)
    found = generators.longest_prompt(10_000, [prompt, short])
    assert found == 500 + 256
    assert generators.longest_prompt(600, [prompt]) == 600
    assert generators.longest_prompt(600, []) == 600


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"
        ),
    ],
)
def test_memory_that_runs_out_is_one_line(error: Exception) -> None:
    model = read_model(ModelConfig(path="builtin:tiny"), SystemConfig(device="cpu"))
    run = recipes.load("tiny")
    with (
        pytest.raises(
            OutOfMemoryError, match=r"out of memory on cpu: the run needs about .* are free: lower"
        ),
        explained_run(run, model),
    ):
        raise error
    plugin = recipes.load("tiny", ["system.backend=mine.py:make_backend"])
    with (
        pytest.raises(OutOfMemoryError, match=r"GiB are free, and the needs of system.backend = \"mine.py"),
        explained_run(plugin, model),
    ):
        raise error


def test_an_allocation_beyond_the_machine_is_seen() -> None:
    with pytest.raises(RuntimeError) as failure:
        torch.empty(1 << 58, dtype=torch.uint8)
    assert is_out_of_memory(failure.value)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_an_evaluation_that_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generators, "free_bytes", lambda device: 40 << 20)
    settings = evaluation_settings("builtin:tiny", None, [])
    with (
        pytest.raises(
            OutOfMemoryError, match=r"sampling needs about .* 0.04 GiB are free: lower max_running"
        ),
        generators.open_generator(settings, 900),
    ):
        pass
