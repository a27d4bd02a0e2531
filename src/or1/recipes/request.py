"""A request to train: the run, its folder, and the checkpoint of another run from which it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from or1.config import RunConfig
from or1.errors import ConfigError
from or1.recipes.load import load
from or1.storage.origin import Origin
from or1.storage.run_folder import RunFolder, run_folder_of


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """The arguments of a training."""

    run: RunConfig
    folder: Path
    origin: Origin | None

    @classmethod
    def of(
        cls,
        recipe: str | Path | None,
        *,
        start: str | None = None,
        sets: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
        out: str | Path | None = None,
    ) -> TrainRequest:
        """Load and check the settings, and choose the folder.

        Args:
            recipe: name or file of a recipe, or a run folder; None = the run of `start`.
            start: `RUN` or `RUN@STEP`.
            sets: `KEY=VALUE` settings, see `load`.
            settings: by dotted key, see `load`.
            out: run folder; None = that which `recipe` names, or one by the name of the run.

        Raises:
            ConfigError: neither a recipe nor a start, a wrong setting, or a run that would start in its own
                folder.
            RunFolderError: `start` is not a run folder.
        """
        if start is None:
            if recipe is None:
                raise ConfigError("or1 train needs a recipe, a run folder to resume, or --from RUN@STEP")
            run = load(recipe, sets, settings)
            folder = run_folder_of(recipe) or Path("runs") / run.name
            return cls(run, Path(out) if out is not None else folder, None)
        origin = Origin.parse(start)
        RunFolder.read(origin.run)
        is_run = recipe is None or run_folder_of(recipe) is not None
        run = load(origin.run if recipe is None else recipe, sets, settings)
        folder = origin.default_folder if is_run else Path("runs") / run.name
        folder = Path(out) if out is not None else folder
        if folder.resolve() == origin.run.resolve():
            raise ConfigError(f"--from {start} starts another run: give its folder with --out")
        return cls(_without_task_hashes(run) if is_run else run, folder, origin)


def _without_task_hashes(run: RunConfig) -> RunConfig:
    """The settings of a run for another one, which may have other rewards under the same names."""
    table = run.model_dump()
    for source in (*table["data"], *table["evaluation"]["data"]):
        source["task_hash"] = None
    return RunConfig.model_validate(table)
