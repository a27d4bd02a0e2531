"""Any engine as a generator of texts, for evaluation and curation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from or1.protocols import RolloutEngine, Tokenizer, response_text
from or1.types import Problem, Sampling, Text


class EngineGenerator:
    """Generator that samples with the weights the engine has loaded."""

    def __init__(self, engine: RolloutEngine, tokenizer: Tokenizer) -> None:
        self._engine = engine
        self._tokenizer = tokenizer

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Text]:
        for rollout in self._engine.rollouts(problems, sampling):
            yield Text(
                problem_id=rollout.problem_id,
                index=rollout.index,
                text=response_text(self._tokenizer, rollout),
                finish=rollout.finish,
                num_tokens=len(rollout.response_tokens),
            )
