"""Environments of the `verifiers` library as tasks: `task = "verifiers:NAME"`, single-turn ones.

The tasks of the environment become problems. Its rewards judge a response in the worker pool: the response is
put into a trace of one turn, and the weighted rewards are summed as the library does, then divided by the sum
of their weights where that is above 1. Not supported, and refused by name: tools, further turns, judges that
ask a model, and rewards that need a runtime.

The library is an extra of its own, `or1[verifiers]`; this module imports it only in functions.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, TypeVar

from or1.config import DataConfig
from or1.errors import ConfigError, DataError, install_command
from or1.plugins import Plugin, source_hash
from or1.tasks.hub import Hub
from or1.tasks.kind import TaskKind
from or1.tasks.prompts import with_instruction
from or1.tasks.user import ForeignVerifier, reward_verdict
from or1.types import Message, Outcome, Problem, Verdict
from or1_verify.answer import after_thinking
from or1_verify.base import Verifier
from or1_verify.types import THINK_CLOSE, THINK_OPEN

PREFIX = "verifiers:"
"""Start of the name of such a task."""
_ROLES = ("system", "user", "assistant")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EnvironmentVerifier(ForeignVerifier):
    """The rewards of an environment. Verdicts as of `RewardVerifier`, and NOT_JUDGED `reward_raised`."""

    uses_prompt: ClassVar[bool] = True
    environment: str
    """Name of the environment in the library."""

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """Score one turn with the rewards of the problem's task."""
        from verifiers.v1.errors import TaskError

        task = _task_of(_taskset(self.environment, "data.task"), problem.gold)
        trace = _trace(task, problem.prompt, answer)
        try:
            asyncio.run(task.score(trace))
        except TaskError as error:
            cause = " ".join(str(error).split())
            return Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason="reward_raised", detail=cause)
        weights = [reward.weight for reward in trace.rewards.values() if reward is not None]
        reward = trace.reward / max(1.0, math.fsum(weights))
        # a sum of weights over itself may miss 1 by a rounding
        return reward_verdict(1.0 if math.isclose(reward, 1.0, rel_tol=1e-9) else reward)

    def prepare(self) -> None:
        """Import the library and the environment.

        Raises:
            ConfigError: see `environment_kind`.
        """
        _taskset(self.environment, "data.task")

    def inner(self) -> Verifier:
        """This one."""
        return self


def environment_kind(environment: str, setting: str = "data.task") -> TaskKind:
    """The task of an environment.

    Args:
        environment: its name in the library.
        setting: the setting or option that names it, for error messages.

    Raises:
        ConfigError: the library is not installed, there is no such environment, or it is not single-turn.
    """
    module = type(_taskset(environment, setting)).__module__

    def load(source: DataConfig, seed: int, hub: Hub) -> Sequence[Problem]:
        if (source.split, source.min_difficulty, source.max_difficulty) != ("train", None, None):
            raise ConfigError(
                f"data.split, min_difficulty and max_difficulty have no effect on {_place(environment)}: "
                "remove them"
            )
        return environment_problems(environment, source.num_problems, source.instruction)

    return TaskKind(
        name=f"{PREFIX}{environment}",
        verifier=lambda settings: EnvironmentVerifier(environment),
        load=load,
        makes_problems=True,
        votes=False,
        source_hash=source_hash(Plugin(module, environment), setting),
    )


def environment_problems(
    environment: str, num_problems: int | None = None, instruction: str = ""
) -> Sequence[Problem]:
    """The tasks of an environment as problems, in its order; the gold is the data of the task.

    Args:
        environment: its name in the library.
        num_problems: the first ones [problems]; None = all.
        instruction: appended to each question after a newline.

    Raises:
        ConfigError: as of `environment_kind`, or the tasks have no end and `num_problems` is None.
        DataError: a task whose prompt is not text, or whose data do not survive JSON.
    """
    taskset = _taskset(environment, "data.task")
    if num_problems is None and not taskset.bounded:
        raise ConfigError(f"{_place(environment)} generates tasks without end: set data.num_problems")
    tasks = _foreign(_place(environment), lambda: list(islice(taskset, num_problems)))
    if not tasks:
        raise DataError(f"{_place(environment)} has no tasks")
    return [
        Problem.make(
            f"{PREFIX}{environment}",
            _prompt(environment, task, instruction),
            _gold(environment, taskset, task),
            environment,
        )
        for task in tasks
    ]


def _place(environment: str, setting: str = "data.task") -> str:
    return f'{setting} = "{PREFIX}{environment}"'


def _foreign(place: str, call: Callable[[], T]) -> T:
    """Result of a call of the environment's own code; ConfigError in one line if it raises."""
    try:
        return call()
    except Exception as error:  # a boundary: the code of an environment may raise anything
        cause = " ".join(str(error).split())
        raise ConfigError(f"{place} cannot be loaded ({type(error).__name__}: {cause:.200})") from error


@functools.cache
def _taskset(environment: str, setting: str) -> Any:
    """The taskset of an environment, imported and checked once in each process."""
    place = _place(environment, setting)
    try:
        import verifiers.v1 as library
    except ImportError as error:
        raise ConfigError(
            f"{place} needs the library verifiers ({error}): {install_command('verifiers')}"
        ) from error

    def load() -> tuple[Any, str | None]:
        config = library.taskset_config_type(environment)(id=environment)
        taskset = library.load_taskset(config)
        return taskset, next(_unsupported(library, environment, taskset), None)

    taskset, reason = _foreign(place, load)
    if reason is not None:
        raise ConfigError(f"{place} {reason}: only single-turn environments are supported")
    return taskset


def _unsupported(library: Any, environment: str, taskset: Any) -> Iterator[str]:
    """Why an environment is more than one turn of text that its rewards judge."""
    from verifiers.v1.utils.decorators import discover_decorated

    kind, config = type(taskset).task_type(), taskset.config
    own_class = library.environment_class(environment)
    if own_class is not library.SingleAgentEnv:
        yield f"has an environment class of its own ({own_class.__name__})"
    if library.default_harness_id(environment) == environment:
        yield "has a harness of its own"
    if taskset.toolsets(config) or kind.toolsets(config.task):
        yield "gives the model tools"
    if kind.NEEDS_CONTAINER:
        yield "needs a container"
    if config.task.judges:
        yield "asks a model for its reward"
    for step in ("setup", "finalize"):
        if inspect.getattr_static(kind, step) is not vars(library.Task)[step]:
            yield f"works on a runtime in {step}()"
    probe = kind.__new__(kind)  # a task without data: which functions there are depends on class and settings
    probe.config = config.task
    if probe.hooks("stop") or discover_decorated(probe, "intercept"):
        yield "has @stop or @intercept functions"
    rewards = probe.hooks("reward")
    if not rewards:
        yield "has no reward"
    for reward in rewards:
        parameters = inspect.signature(reward).parameters
        if "runtime" in parameters and parameters["runtime"].default is inspect.Parameter.empty:
            yield f"needs a runtime in its reward {reward.__name__}"
        if reward._vf_weight < 0:
            yield f"has a negative weight for its reward {reward.__name__}"


def _gold(environment: str, taskset: Any, task: Any) -> dict[str, Any]:
    """The data of a task as JSON, from which `_task_of` makes the same task."""
    gold: dict[str, Any] = task.data.model_dump(mode="json", exclude_defaults=True)
    if _foreign(_place(environment), lambda: _task_of(taskset, gold).data) != task.data:
        raise DataError(f"{_place(environment)}: the data of task {task.data.idx} change when stored as JSON")
    return gold


def _task_of(taskset: Any, gold: Any) -> Any:
    kind = type(taskset).task_type()
    return kind(kind.data_type().model_validate(gold), taskset.config.task)


def _prompt(environment: str, task: Any, instruction: str) -> tuple[Message, ...]:
    data = task.data
    turns = [Message("system", data.system_prompt)] if data.system_prompt else []
    if isinstance(data.prompt, str):
        turns.append(Message("user", data.prompt))
    else:
        turns += [Message(turn.role, turn.content) for turn in data.prompt or []]
    is_text = all(isinstance(turn.content, str) and turn.role in _ROLES for turn in turns)
    if not turns or turns[-1].role != "user" or not is_text:
        raise DataError(
            f"{_place(environment)}: task {data.idx} has no prompt of text that ends with the user's turn"
        )
    return (*turns[:-1], Message("user", with_instruction(turns[-1].content, instruction)))


def _trace(task: Any, prompt: Sequence[Message], response: str) -> Any:
    """A trace of one turn. The response is split at the thinking marks, as servers do."""
    import verifiers.v1 as library
    from verifiers.v1.state import state_cls

    content = after_thinking(response)
    thinking = response if content is None else response.removesuffix(content)
    answer = library.AssistantMessage(
        content=content or "",
        reasoning_content=thinking.strip().removeprefix(THINK_OPEN).removesuffix(THINK_CLOSE) or None,
    )
    kinds = {
        "system": library.SystemMessage,
        "user": library.UserMessage,
        "assistant": library.AssistantMessage,
    }
    messages = [kinds[message.role](content=message.content) for message in prompt]
    nodes = [
        library.MessageNode(parent=number - 1 if number else None, message=message, sampled=message is answer)
        for number, message in enumerate([*messages, answer])
    ]
    return library.Trace(
        task=library.TraceTask(type=type(task).__name__, data=task.data, key=task.key, hash=task.hash),
        state=state_cls(type(task))(),
        agent=library.AgentInfo(config=library.AgentConfig()),
        nodes=nodes,
    )
