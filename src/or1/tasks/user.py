"""User tasks: a reward function, a verifier or a whole `TaskKind`, named as `FILE.py:NAME`.

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
import json
import numbers
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import TypeAdapter

from or1.config import DataConfig
from or1.errors import ConfigError
from or1.plugins import Plugin, load_plugin, source_hash
from or1.tasks.hub import Hub
from or1.tasks.kind import DEFAULTS, TaskKind, VerifierSettings
from or1.tasks.math import MathTask, any_gold, own_benchmark_row
from or1.types import Outcome, Problem, Verdict
from or1_verify.base import Verifier

NOT_CHECKED = "not_checked"
"""Reason of `UserGoldCheck`: the gold tells no response that must be correct."""
_SETTINGS = TypeAdapter(VerifierSettings)
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
        return reward_verdict(self.reward(answer, problem.gold, problem))


def reward_verdict(value: object) -> Verdict:
    """The verdict for a value that a reward function has returned; see `RewardVerifier`."""
    if not isinstance(value, numbers.Real) or not 0 <= float(value) <= 1:  # nan fails it too
        return Verdict(
            outcome=Outcome.NOT_JUDGED,
            reward=None,
            reason="bad_reward",
            detail=f"the reward function returned {value!r:.80}: it must be a number from 0 to 1",
        )
    number = float(value)
    if number == 1.0:
        return Verdict(outcome=Outcome.RIGHT, reward=number, reason="right")
    return Verdict(outcome=Outcome.WRONG, reward=number, reason="wrong" if number == 0.0 else "partial")


class ForeignVerifier(Verifier):
    """A verifier whose code is not part of or1: it is checked on the gold of each problem at the start."""

    @abstractmethod
    def inner(self) -> Verifier:
        """The verifier itself, imported in this process."""


@dataclass(frozen=True, slots=True)
class UserVerifier(ForeignVerifier):
    """The verifier behind a name, for a pool: every step of it runs in the worker."""

    uses_prompt: ClassVar[bool] = True
    place: str
    name: str
    """These two: see `Plugin`."""
    source_hash: str
    """Of the source when the run started."""
    settings: str
    """`VerifierSettings` as JSON."""

    @property
    def plugin(self) -> Plugin:
        """Where it is."""
        return Plugin(self.place, self.name)

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """All steps of the verifier, on the whole response."""
        return self.inner().verify(problem, answer)

    def prepare(self) -> None:
        """Import the source.

        Raises:
            ConfigError: it has changed since the run started.
        """
        if source_hash(self.plugin, "task") != self.source_hash:
            raise ConfigError(f'task = "{self.plugin}": its source has changed since the start: restore it')
        self.inner().prepare()

    def limit_s(self, problem: Problem) -> float | None:
        """That of the verifier."""
        return self.inner().time_limit_s

    def inner(self) -> Verifier:
        """The verifier itself, imported in this process."""
        return verifier_at(self.plugin, self.source_hash, self.settings)


@dataclass(frozen=True, slots=True)
class UserGoldCheck(Verifier):
    """Does a user task give 1 for its gold, and not for an empty response? The answer is not read.

    RIGHT `right`; WRONG `empty_is_correct`, `gold_is_wrong`; NOT_JUDGED `not_checked` where the gold tells no
    response that must be correct; the verdict on the empty response where that is NOT_JUDGED.
    """

    uses_prompt: ClassVar[bool] = True
    verifier: ForeignVerifier

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """Both questions."""
        checked = self.verifier.inner()
        empty = checked.verify(problem, "")
        if empty.outcome is Outcome.NOT_JUDGED:
            return empty
        if empty.reward == 1.0:
            return Verdict(outcome=Outcome.WRONG, reward=0.0, reason="empty_is_correct")
        match _pays_for_gold(checked, problem):
            case None:
                return Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason=NOT_CHECKED)
            case False:
                return Verdict(outcome=Outcome.WRONG, reward=0.0, reason="gold_is_wrong")
        return Verdict(outcome=Outcome.RIGHT, reward=1.0, reason="right")

    def prepare(self) -> None:
        """Import the source."""
        self.verifier.prepare()


def _pays_for_gold(verifier: Verifier, problem: Problem) -> bool | None:
    """Reward 1 for the gold; None if it is not known which response must get 1.

    A function is tried with the gold as response and with the gold in a box: which of the two it expects, if
    any, is not known.
    """
    if not isinstance(verifier, RewardVerifier):
        ideal = verifier.ideal_answer(problem)
        return None if ideal is None else verifier.judge(problem, ideal).reward == 1.0
    gold = problem.gold if isinstance(problem.gold, str) else json.dumps(problem.gold)
    responses = (gold, f"\\boxed{{{gold}}}")
    return True if any(verifier.verify(problem, each).reward == 1.0 for each in responses) else None


@functools.cache
def verifier_at(plugin: Plugin, digest: str, settings: str) -> Verifier:
    """The verifier that a plugin names; `digest` is that of its source, `settings` are JSON."""
    return _verifier_of(load_plugin(plugin, "task"), plugin, _SETTINGS.validate_json(settings))


def _verifier_of(found: Any, plugin: Plugin, settings: VerifierSettings) -> Verifier:
    if isinstance(found, TaskKind):
        return found.verifier(settings)
    if isinstance(found, Verifier):
        return found
    if isinstance(found, type) and issubclass(found, Verifier):
        return found()
    if isinstance(found, type) or not callable(found):
        raise ConfigError(
            f'task = "{plugin}" is of type {type(found).__name__}: it must be a function '
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
    kind = (
        found
        if isinstance(found, TaskKind)
        else TaskKind(name=name, verifier=lambda settings: _verifier_of(found, plugin, settings), votes=False)
    )
    kind.verifier(DEFAULTS)  # refuses at once an object that is no task
    return replace(
        kind,
        name=name,
        verifier=lambda settings: UserVerifier(
            plugin.place, plugin.name, digest, _SETTINGS.dump_json(settings).decode()
        ),
        benchmark_row=kind.benchmark_row or own_benchmark_row,
        load=kind.load or functools.partial(_load_rows, name),
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
