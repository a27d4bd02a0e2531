"""MAGIC on one page. Settings are in `run`, implementations in `parts`."""

from __future__ import annotations

from or1 import algo
from or1.config import RunConfig
from or1.protocols import Parts
from or1.types import RunState, StepResult


def train(run: RunConfig, parts: Parts) -> RunState:
    """GRPO in stages of growing response budget, with entropy held at a target.

    Repeating the call after an interruption resumes from the newest whole checkpoint, bit for bit.

    Raises:
        NonFiniteError, StarvedError: see `algo.raise_if_stuck`.
        Interrupted: after a stop signal, with the state saved.

    Source: arXiv 2505.22312, sections 2 and 3.
    """
    state = parts.checkpoints.restore(parts.trainer) or algo.fresh_state(run)
    parts.collector.load(parts.trainer.publish(state.policy_version))
    parts.schedule.start(state)

    while not algo.finished(run, state):
        # On entry to a stage: the next response budget; `online_filter` leaves solved problems out.
        stage, state = algo.enter_stage(run, state)

        with parts.tracker.step(state, stage) as log:
            # 1 ROLLOUT and 2 VERIFY, overlapped: M responses to each of N problems, judged as they finish.
            with log.phase("rollout"):
                groups, state = parts.collector.collect(state, stage)

            # 3 FILTER: in a group of equal rewards every advantage is 0, so it has no policy gradient.
            kept, dropped = algo.split_by_signal(groups, run.loss)

            # 4 ADVANTAGE: each reward compared with its group's (`algo.group_advantages`); one value for all
            # tokens of a rollout.
            advantages = algo.advantages(kept, run.loss)

            # 5 UPDATE: clipped surrogate plus alpha * entropy, a mean over all response tokens kept.
            alpha = algo.entropy_coefficient(state.entropy, groups, run.entropy)
            with log.phase("update"):
                report = parts.trainer.update(kept, advantages, run.loss, alpha, stage) if kept else None

            # 6 ENTROPY CONTROL: the coefficient rises while entropy is below its target and falls while it is
            # above. Counters, pass rates and the stage's history are updated too.
            state = algo.after_step(state, groups, kept, report, run)
            with log.phase("publish"):
                parts.collector.load(parts.trainer.publish(state.policy_version))
            end = algo.end_of_stage(stage, state)
            log.step(StepResult(groups, kept, advantages, dropped, alpha, report, state, end))

        # 7 EVALUATE and CHECKPOINT; a run without signal or with non-finite updates stops here.
        algo.raise_if_stuck(state, run)
        parts.schedule.run(state)
    return state
