"""`or1 export`: a checkpoint becomes a Hugging Face folder."""

from __future__ import annotations

from pathlib import Path

import typer

from or1.assemble.export import export as run


def export(
    run_folder: Path, out: Path, step: int | None, *, adapter: bool = False, model: Path | None = None
) -> None:
    """Export a checkpoint and print the folder.

    Raises:
        RunFolderError: not a run folder, or `out` holds files.
        CheckpointError: the checkpoint is missing or damaged.
    """
    exported = run(run_folder, out, step, adapter=adapter, model=model)
    typer.echo(f"{out}: the {'adapter' if adapter else 'model'} after step {exported} of {run_folder}")
