"""`or1 export`: a checkpoint becomes a Hugging Face folder, on this machine and on the hub."""

from __future__ import annotations

from pathlib import Path

import typer

from or1.assemble.export import export as run
from or1.assemble.push import push, require_publishable


def export(
    run_folder: Path,
    out: Path,
    step: int | None,
    *,
    adapter: bool = False,
    model: Path | None = None,
    licence: str | None = None,
    push_to: str | None = None,
    private: bool = False,
) -> None:
    """Export a checkpoint, print the folder, and push it where a name is given.

    Raises:
        RunFolderError: not a run folder, or `out` holds files.
        CheckpointError: the checkpoint is missing or damaged.
        ConfigError: the name is wrong, or no licence is known.
        EndpointError: the hub refuses, or cannot be reached.
    """
    if push_to is not None:
        require_publishable(push_to, run_folder, licence)
    exported = run(run_folder, out, step, adapter=adapter, model=model, licence=licence)
    what = f"the {'adapter' if adapter else 'model'} after step {exported} of {run_folder}"
    typer.echo(f"{out}: {what}")
    if push_to is not None:
        typer.echo(push(out, push_to, private=private, message=f"or1 export: {what}"))
