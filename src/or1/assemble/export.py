"""A checkpoint becomes a Hugging Face folder with a model card that names its origin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from or1 import recipes
from or1.config import RunConfig
from or1.errors import CheckpointError, ConfigError, RunFolderError
from or1.evals.contamination import TRAINING
from or1.models import model_folder
from or1.nn.config import read_json
from or1.nn.load import save_adapter, save_model
from or1.nn.weights import resolve_folder
from or1.storage.atomic import guard_writes, replacing, write_json
from or1.storage.run_folder import CHECKPOINTS
from or1.tracking import metrics as keys
from or1.tracking.run_data import RunData, read_run
from or1.trainer.checkpoint import STATE, folder_name, newest_whole, trainer_folder, verify
from or1.trainer.optimizer import WEIGHTS_FILE


def export(run_folder: Path, out: Path, step: int | None = None, *, adapter: bool = False) -> int:
    """Write weights, configuration, tokenizer and card of a run's checkpoint into an empty folder.

    Args:
        run_folder: the run.
        out: folder to write; must not exist or be empty.
        step: checkpoint of this step; None = the newest whole one.
        adapter: write the trained adapters alone, as a folder of PEFT, instead of the merged weights.

    Returns:
        step of the exported checkpoint.

    Raises:
        RunFolderError: not a run folder, or `out` holds something.
        CheckpointError: the checkpoint is missing or damaged.
        ConfigError: `adapter` of a run that trained all weights.
    """
    data = read_run(run_folder)
    run = recipes.load(run_folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunFolderError(f"{out} exists and is not an empty folder: name another")
    if adapter and run.model.lora is None:
        raise ConfigError(f"{run_folder} trained all weights and has no adapter: leave --adapter out")
    checkpoint = checkpoint_of(run_folder, step)
    source = resolve_folder(model_folder(run.model.path))
    weights = load_file(trainer_folder(checkpoint) / WEIGHTS_FILE)
    state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))["state"]
    with guard_writes(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as part:
            if adapter:
                save_adapter(weights, source, part, model=run.model)
            else:
                save_model(weights, source, part, model=run.model, dtype=stored_dtype(source))
            if run.model.chat.template is not None:
                (part / "chat_template.jinja").write_text(run.model.chat.template, encoding="utf-8")
            write_json(part / TRAINING, data.description)
            (part / "README.md").write_text(card(run, data, state["step"]), encoding="utf-8")
    return int(state["step"])


def checkpoint_of(run_folder: Path, step: int | None) -> Path:
    """The checkpoint of a step, checked against its hashes, or the newest whole one."""
    folder = run_folder / CHECKPOINTS
    if step is None:
        newest = newest_whole(folder)
        if newest is None:
            raise CheckpointError(f"{run_folder} has no checkpoint yet: or1 train writes them")
        return newest
    path = folder / folder_name(step)
    if not path.is_dir():
        kept = ", ".join(sorted(p.name for p in folder.glob("step_*") if not p.suffix)) or "none"
        raise CheckpointError(f"{run_folder} has no checkpoint of step {step}: there is {kept}")
    verify(path)
    return path


def stored_dtype(source: Path) -> torch.dtype:
    """The type in which the start model's folder stores its weights; float32 where it names none."""
    config = read_json(source, "config.json")
    named = [config[key] for key in ("dtype", "torch_dtype") if key in config]
    types = {"bfloat16": torch.bfloat16, "float16": torch.float16}
    return types[named[0]] if named and named[0] in types else torch.float32


def card(run: RunConfig, data: RunData, step: int) -> str:
    """The model card: front matter, scores, where it comes from, and every setting."""
    provenance = data.description["provenance"]
    scores = [row for row in data.scores if row["step"] <= step]
    base = run.model.path
    front = ["library_name: transformers", "tags: [reinforcement-learning, reasoning, or1]"]
    if "/" in base and not Path(base).exists():
        front.insert(0, f"base_model: {base}")
    lines = [
        "---",
        *front,
        "---",
        "",
        f"# {run.name}",
        "",
        f"`{base}` after {step:,} steps of or1 {provenance['or1_version']}. {recipes.describe(run)}",
        "",
        "| held-out score | avg@k | 95 % interval | k | problems |",
        "| --- | --- | --- | --- | --- |",
        *[_score_row(row) for row in ([scores[0], scores[-1]] if len(scores) > 1 else scores)],
        "",
        f"- commit: {provenance['commit']}",
        f"- problems: {', '.join(_source(d.judge, d.path, d.task_hash) for d in run.data)}",
        f"- data hash: {provenance['data_hash']}",
        f"- configuration hash: {provenance['config_hash']}",
        f"- packages: {', '.join(f'{name} {v}' for name, v in provenance['packages'].items() if v)}",
        "",
        "## Configuration",
        "",
        "```json",
        run.model_dump_json(indent=2),
        "```",
        "",
    ]
    return "\n".join(lines)


def _source(task: str, path: str | None, task_hash: str | None) -> str:
    name = task if task_hash is None else f"{Path(task).name}, source hash {task_hash}"
    return name if path is None else f"{name} ({path})"


def _score_row(row: dict[str, Any]) -> str:
    low, high = row[keys.AVG_AT_K_LOW], row[keys.AVG_AT_K_HIGH]
    return (
        f"| step {row['step']} | {row[keys.AVG_AT_K]:.3f} | {low:.3f} to {high:.3f} "
        f"| {row[keys.SAMPLES_PER_PROBLEM]} | {row[keys.NUM_PROBLEMS]} |"
    )
