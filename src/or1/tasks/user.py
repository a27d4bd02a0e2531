"""Tasks of your own: a reward function, a verifier or a whole `TaskKind`, named as `FILE.py:NAME`.

```python
def reward(response: str, gold, problem) -> float:
    return 1.0 if str(gold) in response else 0.0
```

Only the name of the object travels to the workers, which import it themselves: it is judged there, under
their limits, and cannot hang or end the training process.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from or1.config import DataConfig
from or1.errors import ConfigError
from or1.plugins import Plugin, load_plugin, source_hash
from or1.tasks.kind import TaskKind, VerifierSettings, is_sound
from or1.tasks.math import MathTask, any_gold, own_benchmark_row
from or1.tasks.rows import Hub
from or1.types import Outcome, Problem, Verdict
from or1_verify.base import Verifier

Reward = Callable[[str, Any, Problem], float]
"""(response, gold, problem) -> reward in [0, 1]."""


@dataclass(frozen=True, slots=True)
class RewardVerifier(Verifier):
    """A reward function as a verifier.

    Reasons: RIGHT `right` (1), WRONG `wrong` (0) or `partial` (between); NOT_JUDGED `bad_reward` (the
    function returned something that is not a number in [0, 1]).
    """

    reward: Reward

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """Call the function on the whole response."""
        value: object = self.reward(answer, problem.gold, problem)
        if not isinstance(value, numbers.Real) or not 0 <= value <= 1:  # nan fails the comparison too
            return Verdict(
                outcome=Outcome.NOT_JUDGED,
                reward=None,
                reason="bad_reward",
                detail=f"the reward function returned {value!r:.80}: it must be a number from 0 to 1",
            )
        number = float(value)
        if number == 1.0:
            return Verdict(outcome=Outcome.RIGHT, reward=number, reason="right")
        return Verdict(
            outcome=Outcome.WRONG, reward=number, reason="wrong" if number == 0.0 else "partial"
        )


@dataclass(frozen=True, slots=True)
class UserVerifier(Verifier):
    """The verifier behind a name, for a pool: every step of it runs in the worker."""

    plugin: Plugin
    source_hash: str
    """Of the source when the run started."""
    settings: VerifierSettings

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """All steps of the verifier, on the whole response."""
        return self._verifier().verify(problem, answer)

    def prepare(self) -> None:
        """Import the source.

        Raises:
            ConfigError: it has changed since the run started.
        """
        if source_hash(self.plugin, "task") != self.source_hash:
            raise ConfigError(f'task = "{self.plugin}": the source has changed since the run started')
        self._verifier().prepare()

    def wall_limit_s(self, problem: Problem) -> float | None:
        """That of the verifier."""
        return self._verifier().time_limit_s

    def _verifier(self) -> Verifier:
        return verifier_at(self.plugin, self.source_hash, self.settings)


@dataclass(frozen=True, slots=True)
class GoldCheck(Verifier):
    """Does a task of your own pay for its gold, and not for an empty response? The answer is not read.

    RIGHT `right`; WRONG `empty_is_correct`, `gold_is_wrong`; NOT_JUDGED `not_checked`: the gold tells no
    response that must be correct.
    """

    verifier: UserVerifier

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """Both questions, in the worker."""
        checked = self.verifier._verifier()
        if checked.verify(problem, "").reward == 1.0:
            return Verdict(outcome=Outcome.WRONG, reward=0.0, reason="empty_is_correct")
        if isinstance(checked, RewardVerifier):
            sound = True if any(checked.verify(problem, text).reward == 1.0 for text in _as_responses(problem)) else None
        else:
            sound = is_sound(checked, problem)
        if sound is None:
            return Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason="not_checked")
        if not sound:
            return Verdict(outcome=Outcome.WRONG, reward=0.0, reason="gold_is_wrong")
        return Verdict(outcome=Outcome.RIGHT, reward=1.0, reason="right")

    def prepare(self) -> None:
        """Import the source."""
        self.verifier.prepare()


def _as_responses(problem: Problem) -> tuple[str, str]:
    """The gold as a response, and the gold in a box."""
    return str(problem.gold), f"\\boxed{{{problem.gold}}}"


@functools.cache
def verifier_at(plugin: Plugin, digest: str, settings: VerifierSettings) -> Verifier:
    """The verifier that a plugin names; `digest` is that of its source."""
    return _verifier_of(load_plugin(plugin, "task"), plugin, settings)


def _verifier_of(found: Any, plugin: Plugin, settings: VerifierSettings) -> Verifier:
    if isinstance(found, TaskKind):
        return found.verifier(settings)
    if isinstance(found, Verifier):
        return found
    if isinstance(found, type) and issubclass(found, Verifier):
        return found()
    if not inspect.isroutine(found):
        raise ConfigError(
            f'task = "{plugin}" is a {type(found).__name__}: it must be a function '
            "reward(response, gold, problem), a Verifier or a TaskKind"
        )
    try:
        inspect.signature(found).bind("", None, None)
    except TypeError as error:
        raise ConfigError(
            f'task = "{plugin}" cannot be called as reward(response, gold, problem): {error}'
        ) from error
    return RewardVerifier(found)


def user_kind(plugin: Plugin, setting: str, name: str | None = None) -> TaskKind:
    """The task that a plugin names.

    Args:
        plugin: where it is.
        setting: the setting or option that names it, for error messages.
        name: of the task; None = that of the file without its folder, so that problem ids do not depend on
            where the file is.

    Raises:
        ConfigError: it cannot be imported, or is neither a function nor a Verifier nor a TaskKind.
    """
    digest = source_hash(plugin, setting)
    found = load_plugin(plugin, setting)
    if name is None:
        place = Path(plugin.place).name if plugin.is_file else plugin.place
        name = f"{place}:{plugin.name}"
    kind = found if isinstance(found, TaskKind) else TaskKind(
        name=name, verifier=lambda settings: _verifier_of(found, plugin, settings), votes=False
    )
    kind.verifier(VerifierSettings())  # refuses at once an object that is no task
    return replace(
        kind,
        name=name,
        verifier=lambda settings: UserVerifier(plugin, digest, settings),
        load=kind.load or functools.partial(_load_rows, name),
        benchmark_row=kind.benchmark_row or own_benchmark_row,
        source_hash=digest,
    )


def _load_rows(name: str, source: DataConfig, seed: int, hub: Hub) -> Sequence[Problem]:
    """Problems with the columns of mathematical ones, and any gold."""
    assert source.path is not None, "load_problems has refused it"
    task = MathTask(
        source.path, source.split, source.num_problems, source.instruction, source.columns, hub,
        name=name, gold=any_gold,
    )  # fmt: skip
    return task.problems()
