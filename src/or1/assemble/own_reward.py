"""A reward function of a notebook or script becomes a file that worker processes import."""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path

from or1.config import RunConfig
from or1.errors import ConfigError
from or1.storage.atomic import guard_writes, replacing


def with_reward(run: RunConfig, reward: str) -> RunConfig:
    """The run with this reward for all its `data` and `evaluation.data`."""
    table = run.model_dump(mode="json")
    for source in (*table["data"], *table["evaluation"]["data"]):
        source |= {"reward": reward, "task_hash": None}
    return RunConfig.model_validate(table)


def plugin_of(function: Callable[..., float], folder: Path) -> str:
    """The function as `FILE.py:NAME`.

    A function of an imported module is named where it is. One of a notebook, or of the script that runs, is
    copied alone into `folder`: importing the script again would run it again. The name of the copy has a
    hash of the source, so a changed function is another reward.

    Raises:
        ConfigError: the function is nested, a lambda or without source.
    """
    name = function.__name__
    if function.__qualname__ != name or not name.isidentifier():
        raise ConfigError(
            f"reward {function.__qualname__} is a lambda or inside another function: "
            "define it with def at the top level, so that worker processes can import it"
        )
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except OSError as error:
        raise ConfigError(
            f"reward {name} has no source ({error}): define it in a file or a notebook"
        ) from None
    file = inspect.getsourcefile(function)
    if function.__module__ != "__main__" and file is not None and Path(file).is_file():
        return f"{Path(file).resolve()}:{name}"
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    path = folder.resolve() / f"reward-{digest}.py"
    if not path.is_file():
        with guard_writes(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as part:
                part.write_text(f"from __future__ import annotations\n\n{source}", encoding="utf-8")
    return f"{path}:{name}"
