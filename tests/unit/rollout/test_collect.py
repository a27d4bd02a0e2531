"""One step's groups: order, faults of engine and pool, seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import replace

import pytest

from or1.algo import derive_seed, split_by_signal, step_entropy
from or1.config import LossConfig, StageConfig
from or1.errors import Interrupted
from or1.rollout.collect import LocalCollector
from or1.testing import (
    CharTokenizer,
    ExactVerifier,
    FlakyVerifier,
    InjectedFaultError,
    InlineVerifierPool,
    Scripted,
    ScriptedEngine,
    by_problem,
    make_problem,
)
from or1.types import (
    Answer,
    Finish,
    Outcome,
    Problem,
    Rollout,
    RunState,
    SamplerState,
    Verdict,
    WeightHandle,
)
from or1_verify.base import Verifier

PROBLEMS = [make_problem(n) for n in range(4)]
STAGE = StageConfig(max_response_tokens=8, num_steps=1, num_problems=3, group_size=2)


class InOrder:
    """Problems one after the other, around and around, solved ones left out."""

    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems

    def draw(
        self, state: SamplerState, solved: Set[str], num_problems: int
    ) -> tuple[list[Problem], SamplerState]:
        drawn, position = [], state.position
        while len(drawn) < num_problems:
            problem = self._problems[position % len(self._problems)]
            position += 1
            if problem.id not in solved:
                drawn.append(problem)
        return drawn, SamplerState(position=position)


def make_collector(
    engine: ScriptedEngine,
    *,
    verifier: Verifier | None = None,
    problems: list[Problem] = PROBLEMS,
    block: int = 1,
    **settings: object,
) -> LocalCollector:
    pool = InlineVerifierPool({"exact": verifier or ExactVerifier()}, block=block)
    collector = LocalCollector(
        engine,
        pool,
        InOrder(problems),
        CharTokenizer(),
        seed=5,
        temperature=0.7,
        **settings,  # type: ignore[arg-type]
    )
    collector.load(WeightHandle(version=3, ref=None))
    return collector


RIGHT_WRONG = by_problem({p.id: ["1", "2"] for p in PROBLEMS})


def test_sampling_follows_stage_seed_and_step() -> None:
    engine = ScriptedEngine(RIGHT_WRONG)
    make_collector(engine).collect(RunState(step=4), STAGE)
    ids, sampling = engine.calls[0]
    assert ids == tuple(p.id for p in PROBLEMS[:3])
    assert (sampling.temperature, sampling.group_size, sampling.max_response_tokens) == (0.7, 2, 8)
    assert (sampling.top_p, sampling.top_k) == (1.0, None)
    assert sampling.seed == derive_seed(5, "rollout", 4) != derive_seed(5, "rollout", 5)


def test_the_sampler_moves_on_and_nothing_else_of_the_state_changes() -> None:
    before = RunState(step=4, pass_rates={"x": 1.0}, solved=frozenset({PROBLEMS[0].id}))
    groups, after = make_collector(ScriptedEngine(RIGHT_WRONG)).collect(before, STAGE)
    assert [g.problem for g in groups] == PROBLEMS[1:]
    assert after == replace(before, sampler=SamplerState(position=4))


def _reversed_by_three(rollouts: list[Rollout]) -> Iterator[Rollout]:
    return iter(rollouts[::-3] + rollouts[-2::-3] + rollouts[-3::-3])


@pytest.mark.parametrize("block", [1, 4, 99])
def test_groups_come_in_drawn_order_whatever_order_rollouts_finish_in(block: int) -> None:
    engine = ScriptedEngine(RIGHT_WRONG, order=_reversed_by_three)
    groups, _ = make_collector(engine, block=block).collect(RunState(), STAGE)
    assert [g.problem for g in groups] == PROBLEMS[:3]
    assert [[r.index for r in g.rollouts] for g in groups] == [[0, 1]] * 3
    assert [g.rewards_M for g in groups] == [(1.0, 0.0)] * 3
    assert all(r.policy_version == 3 for g in groups for r in g.rollouts)


def test_verification_overlaps_sampling() -> None:
    """Each rollout is judged before the engine is asked for the next one."""
    heard: list[str] = []

    class Listening(ExactVerifier):
        def compute(self, problem: Problem, answer: str) -> Verdict:
            heard.append(f"judge {answer}")
            return super().compute(problem, answer)

    def telling(rollouts: list[Rollout]) -> Iterator[Rollout]:
        for number, rollout in enumerate(rollouts):
            heard.append(f"sample {number}")
            yield rollout

    stage = StageConfig(max_response_tokens=8, num_steps=1, num_problems=1, group_size=2)
    make_collector(ScriptedEngine(RIGHT_WRONG, order=telling), verifier=Listening()).collect(
        RunState(), stage
    )
    assert heard == ["sample 0", "judge 1", "sample 1", "judge 2"]


def test_the_verifier_reads_the_opened_reasoning() -> None:
    engine = ScriptedEngine(by_problem({p.id: ["a</think>1"] for p in PROBLEMS}))
    texts: list[str] = []

    class Reading(InlineVerifierPool):
        def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
            for answer in answers:
                texts.append(answer.text)
                yield from super().judge([answer])

    collector = LocalCollector(
        engine,
        Reading({"exact": ExactVerifier()}),
        InOrder(PROBLEMS),
        CharTokenizer(prefix="<think>"),
        seed=0,
        temperature=1.0,
    )
    collector.load(WeightHandle(version=0, ref=None))
    collector.collect(RunState(), replace_stage(STAGE, max_response_tokens=64))
    assert set(texts) == {"<think>a</think>1"}


def replace_stage(stage: StageConfig, **changes: object) -> StageConfig:
    return StageConfig.model_validate({**stage.model_dump(), **changes})


def test_a_truncated_response_is_wrong_whatever_it_says() -> None:
    script = by_problem({p.id: ["1", Scripted("1" + "." * 20)] for p in PROBLEMS})
    groups, _ = make_collector(ScriptedEngine(script)).collect(RunState(), STAGE)
    cut = groups[0].rollouts[1]
    assert (cut.finish, len(cut.response_tokens)) == (Finish.LENGTH, 8)
    assert cut.verdict is not None
    assert (cut.verdict.outcome, cut.reward) == (Outcome.TRUNCATED, 0.0)


def test_a_lost_rollout_is_not_judged_and_never_absent() -> None:
    script = by_problem({p.id: ["1", Scripted("2", lost=True), "2"] for p in PROBLEMS})
    groups, _ = make_collector(ScriptedEngine(script)).collect(RunState(), replace_stage(STAGE, group_size=3))
    lost = groups[0].rollouts[1]
    assert lost.verdict is not None
    assert (lost.index, lost.finish, lost.policy_version) == (1, Finish.ABORTED, 3)
    assert (lost.verdict.outcome, lost.verdict.reason) == (Outcome.NOT_JUDGED, "rollout_lost")
    assert lost.prompt_tokens.tolist() == groups[0].rollouts[0].prompt_tokens.tolist()
    assert len(lost.response_tokens) == len(lost.behavior_logprobs) == 0
    # the rest of the group is trained on, and the empty rollout does not turn exact entropy into an estimate
    kept, _ = split_by_signal(groups, LossConfig())
    assert [[r.index for r in g.rollouts] for g in kept] == [[0, 2]] * 3
    assert step_entropy(groups) == 0.5


def test_an_aborted_rollout_is_not_judged() -> None:
    script = by_problem({p.id: ["1", Scripted("1", aborted=True)] for p in PROBLEMS})
    groups, _ = make_collector(ScriptedEngine(script)).collect(RunState(), STAGE)
    assert [r.judged for r in groups[0].rollouts] == [True, False]


def test_a_verifier_that_fails_costs_one_rollout() -> None:
    verifier = FlakyVerifier(ExactVerifier(), fails_on={"2"})
    groups, _ = make_collector(ScriptedEngine(RIGHT_WRONG), verifier=verifier).collect(RunState(), STAGE)
    assert [[r.judged for r in g.rollouts] for g in groups] == [[True, False]] * 3
    verdict = groups[0].rollouts[1].verdict
    assert verdict is not None
    assert verdict.reason == "verifier_error"


class Forgetful(InlineVerifierPool):
    """Drops the first verdict of a call."""

    def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
        judged = super().judge(answers)
        next(judged)
        yield from judged


class Stammering(InlineVerifierPool):
    """Says the first verdict of a call twice."""

    def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
        judged = super().judge(answers)
        first = next(judged)
        yield from (first, first)


def _with_pool(pool: InlineVerifierPool, engine: ScriptedEngine) -> LocalCollector:
    collector = LocalCollector(engine, pool, InOrder(PROBLEMS), CharTokenizer(), seed=0, temperature=1.0)
    collector.load(WeightHandle(version=0, ref=None))
    return collector


def test_a_lost_verdict_keeps_the_rollout_and_judges_nothing() -> None:
    pool = Forgetful({"exact": ExactVerifier()})
    groups, _ = _with_pool(pool, ScriptedEngine(RIGHT_WRONG)).collect(RunState(), STAGE)
    first = groups[0].rollouts[0]
    assert first.verdict is not None
    assert (first.verdict.outcome, first.verdict.reason) == (Outcome.NOT_JUDGED, "verdict_lost")
    assert len(first.response_tokens) == 2
    assert sum(r.judged for g in groups for r in g.rollouts) == 5


def test_a_verdict_that_comes_twice_is_refused() -> None:
    pool = Stammering({"exact": ExactVerifier()})
    with pytest.raises(RuntimeError, match="the verifier pool returned"):
        _with_pool(pool, ScriptedEngine(RIGHT_WRONG)).collect(RunState(), STAGE)


def _doubled(rollouts: list[Rollout]) -> Iterator[Rollout]:
    return iter([*rollouts, rollouts[0]])


def _misnumbered(rollouts: list[Rollout]) -> Iterator[Rollout]:
    return iter([replace(rollouts[0], index=2), *rollouts[1:]])


def _foreign(rollouts: list[Rollout]) -> Iterator[Rollout]:
    return iter([replace(rollouts[0], problem_id="nobody"), *rollouts[1:]])


@pytest.mark.parametrize("order", [_doubled, _misnumbered, _foreign])
def test_a_rollout_that_was_not_asked_for_is_refused(order: object) -> None:
    engine = ScriptedEngine(RIGHT_WRONG, order=order)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="came twice or was not requested"):
        make_collector(engine).collect(RunState(), STAGE)


def test_an_engine_that_dies_is_not_papered_over() -> None:
    with pytest.raises(InjectedFaultError, match="after 3 rollouts"):
        make_collector(ScriptedEngine(RIGHT_WRONG, dies_after=3)).collect(RunState(), STAGE)


def test_a_problem_drawn_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="3 problems of which 2"):
        make_collector(ScriptedEngine(RIGHT_WRONG), problems=PROBLEMS[:2]).collect(RunState(), STAGE)


def test_a_run_can_leave_between_two_rollouts() -> None:
    num_checked = 0

    def check() -> None:
        nonlocal num_checked
        num_checked += 1
        if num_checked == 3:
            raise Interrupted("leave")

    with pytest.raises(Interrupted):
        make_collector(ScriptedEngine(RIGHT_WRONG), check=check).collect(RunState(), STAGE)
    assert num_checked == 3


def test_the_same_step_again_is_the_same_step() -> None:
    collector = make_collector(ScriptedEngine(RIGHT_WRONG))
    first, again = (collector.collect(RunState(step=2), STAGE) for _ in range(2))
    assert first[1] == again[1]
    assert [g.rewards_M for g in first[0]] == [g.rewards_M for g in again[0]]
