"""MAGIC on one page. Everything that varies is a value in `run` or a part in `parts`."""

from __future__ import annotations

from or1 import algo
from or1.config import RunConfig
from or1.protocols import Parts
from or1.types import RunState


def train(run: RunConfig, parts: Parts) -> RunState:
    """GRPO in stages of growing response budget, with entropy held at a target.

    Repeating the call after any interruption continues from the newest whole checkpoint, bit for bit.

    Raises:
        NonFiniteError, StarvedError: training cannot usefully go on.
        Interrupted: a signal asked the run to leave.

    Source: arXiv 2505.22312, sections 2 and 3.
    """
    state = parts.checkpoints.restore(parts.trainer) or algo.fresh_state(run)
    parts.collector.load(parts.trainer.publish(state.policy_version))
    parts.schedule.start(state)

    while not algo.finished(run, state):
        # On entry to a stage: the next response budget, and the problems already solved are dropped.
        stage, state = algo.enter_stage(run, state)

        with parts.tracker.step(state, stage) as log:
            # 1 ROLLOUT, 2 VERIFY, overlapped: M responses to each of N problems, each judged as it finishes.
            with log.phase("rollout"):
                groups, state = parts.collector.collect(state, stage)

            # 3 FILTER: a group whose rewards agree has zero advantage everywhere, so no policy gradient.
            kept, dropped = algo.split_by_signal(groups, run.loss)

            # 4 ADVANTAGE: (r - mean) / (std + eps) inside each whole group, one value for all tokens of a
            # rollout.
            advantages = algo.advantages(kept, run.loss)

            # 5 UPDATE: clipped surrogate plus alpha * entropy, one mean over all response tokens kept.
            alpha = algo.entropy_coefficient(state.entropy, groups, run.entropy)
            with log.phase("update"):
                report = parts.trainer.update(kept, advantages, run.loss, alpha, stage) if kept else None

            # 6 ENTROPY CONTROL: the coefficient moves towards the target; counters and pass rates follow.
            state = algo.after_step(state, groups, kept, report, run)
            with log.phase("publish"):
                parts.collector.load(parts.trainer.publish(state.policy_version))
            log.step(groups, kept, dropped, alpha, report, state)

        # 7 EVALUATE and CHECKPOINT, or stop if the run has starved or diverged.
        algo.stop_if_hopeless(state, run)
        parts.schedule.run(state)
    return state
