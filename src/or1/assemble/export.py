"""A checkpoint becomes a Hugging Face folder with a model card that names its origin."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from or1 import recipes
from or1.assemble.card import card
from or1.assemble.start_model import source_of
from or1.errors import CheckpointError, ConfigError, RunFolderError
from or1.evals.contamination import TRAINING
from or1.nn.config import read_json
from or1.nn.load import save_adapter, save_model, shape_for
from or1.nn.published import safetensor_errors
from or1.nn.tokenizer import load_tokenizer
from or1.storage.atomic import guard_writes, replacing, write_json
from or1.storage.run_folder import CHECKPOINTS, MODEL
from or1.tracking.run_data import read_run
from or1.trainer.checkpoint import STATE, folder_name, newest_whole, steps_of, trainer_folder, verify
from or1.trainer.state_files import read_weights


def export(
    run_folder: Path,
    out: Path,
    step: int | None = None,
    *,
    adapter: bool = False,
    model: Path | None = None,
    licence: str | None = None,
) -> int:
    """Write weights, configuration, tokenizer and card of a run's checkpoint into an empty folder.

    Args:
        run_folder: the run.
        out: folder to write; must not exist or be empty.
        step: checkpoint of this step; None = the newest whole one.
        adapter: write the trained adapters alone, as a folder of PEFT, instead of the merged weights.
        model: folder of the start model, where it is not that of the run's settings.
        licence: for the card, by its name on the hub.

    Returns:
        step of the exported checkpoint.

    Raises:
        RunFolderError: not a run folder, or `out` holds something.
        CheckpointError: the checkpoint is missing or damaged.
        ConfigError: `adapter` of a run that trained all weights.
        ModelError: the start model is needed and is not there, or `model` is another one.
    """
    data = read_run(run_folder)
    run = recipes.load(run_folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunFolderError(f"{out} exists and is not an empty folder: name another")
    if adapter and run.model.lora is None:
        raise ConfigError(f"{run_folder} trained all weights and has no adapter: leave --adapter out")
    checkpoint = checkpoint_of(run_folder, step)
    about = data.description["provenance"]
    source = source_of(run_folder, run, about.get(MODEL), model)
    weights = read_weights(trainer_folder(checkpoint))
    state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))["state"]
    tokenizer = load_tokenizer(source, shape_for(source, run.model), chat=run.model.chat)
    text = card(run, data, state["step"], tokenizer.prompt_text, tokenizer.stop_ids, adapter, licence)
    with guard_writes(out), safetensor_errors():
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as part:
            if adapter:
                save_adapter(weights, source, part, model=run.model)
            else:
                save_model(weights, source, part, model=run.model, dtype=stored_dtype(source))
            if run.model.chat.template is not None:
                (part / "chat_template.jinja").write_text(run.model.chat.template, encoding="utf-8")
            write_json(part / TRAINING, data.description)
            (part / "README.md").write_text(text, encoding="utf-8")
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
        steps = steps_of(folder)
        kept = f"those of steps {', '.join(map(str, steps))}" if steps else "none"
        raise CheckpointError(f"{run_folder} has no checkpoint of step {step}: there are {kept}")
    verify(path)
    return path


def stored_dtype(source: Path) -> torch.dtype:
    """The type in which the start model's folder stores its weights; float32 where it names none."""
    config = read_json(source, "config.json")
    named = [config[key] for key in ("dtype", "torch_dtype") if key in config]
    types = {"bfloat16": torch.bfloat16, "float16": torch.float16}
    return types[named[0]] if named and named[0] in types else torch.float32
