"""A warning when too many answers are not judged or exceed a limit."""

from __future__ import annotations

import logging
from collections import deque

from or1_verify.types import Outcome, Verdict

_log = logging.getLogger(__name__)
_LIMITS = frozenset({"time_limit", "memory_limit"})


class ShareAlarm:
    """Warns once when more than `limit` of the last `window` verdicts were not judged or exceeded a limit.

    It warns again only after the share has been below half of the limit.
    """

    def __init__(self, limit: float = 0.02, window: int = 512) -> None:
        """Take the limit [fraction of verdicts] and the window [verdicts]; no warning before it is full."""
        self._limit = limit
        self._recent: deque[bool] = deque(maxlen=window)
        self._num_bad = 0
        self._is_raised = False
        self.num_alarms = 0

    def see(self, verdict: Verdict) -> None:
        """Count one verdict; aborted rollouts do not count, since no verifier judged them."""
        if verdict.reason == "aborted":
            return
        is_bad = verdict.outcome is Outcome.NOT_JUDGED or verdict.reason in _LIMITS
        if len(self._recent) == self._recent.maxlen:
            self._num_bad -= self._recent[0]
        self._recent.append(is_bad)
        self._num_bad += is_bad
        if len(self._recent) == self._recent.maxlen:
            self._weigh(self._num_bad / len(self._recent))

    def _weigh(self, share: float) -> None:
        if share > self._limit and not self._is_raised:
            self._is_raised = True
            self.num_alarms += 1
            _log.warning(
                "verifier: %.1f %% of the last %d verdicts were not judged or exceeded a limit",
                100 * share,
                len(self._recent),
            )
        elif share < self._limit / 2:
            self._is_raised = False
