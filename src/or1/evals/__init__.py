"""Evaluation: sampling held-out problems, judging them, and saying how sure the score is."""

from or1.evals.runner import (
    JudgedSample,
    ProblemResult,
    evaluate,
    evaluation_sampling,
    judge_samples,
    score,
)
from or1.evals.statistics import Estimate, mean_interval, paired_difference, pass_at_k_curve

__all__ = [
    "Estimate",
    "JudgedSample",
    "ProblemResult",
    "evaluate",
    "evaluation_sampling",
    "judge_samples",
    "mean_interval",
    "paired_difference",
    "pass_at_k_curve",
    "score",
]
