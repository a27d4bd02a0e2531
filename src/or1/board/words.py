"""The summary of a run in plain words: a row of large numbers, and a few sentences."""

from __future__ import annotations

from typing import Any

from or1.tracking.eta import format_seconds
from or1.tracking.run_data import UNFINISHED, RunData

ENDED = {
    "num_steps": "it had done its steps",
    "truncated_below": "few responses were still truncated",
    "reward_plateau": "the reward had stopped rising",
}
"""Why a stage ended, in words, by the value of `StageEnd`."""


def tiles(run: RunData, summary: dict[str, Any]) -> list[dict[str, str]]:
    """The numbers at the top: `label`, `value`, `note`."""
    planned = sum(stage["num_steps"] for stage in run.config["stages"])
    shown = [_score_tile(summary)] if summary["heldout"] else []
    reward, seconds = summary["reward"], summary["seconds"]["total"]
    if reward["last_steps"] is not None:
        note = f"{reward['first_steps']:.3f} over the first steps"
        shown.append(_tile("training reward", f"{reward['last_steps']:.3f}", note))
    shown.append(_tile("steps", f"{summary['num_steps']:,}", f"of at most {planned:,}"))
    if seconds:
        rate = summary["num_response_tokens"] / seconds
        shown.append(_tile("time", format_seconds(seconds), f"{rate:,.0f} response tokens/s"))
    entropy = summary["entropy_nats"]
    if entropy["last_fifth"] is not None:
        target = "no target" if entropy["target"] is None else f"target {entropy['target']:g} nats/token"
        shown.append(_tile("entropy", f"{entropy['last_fifth']:.3f}", target))
    return shown


def _tile(label: str, value: str, note: str) -> dict[str, str]:
    return {"label": label, "value": value, "note": note}


def _score_tile(summary: dict[str, Any]) -> dict[str, str]:
    after, before = summary["heldout"]["after"], summary["heldout"]["before"]
    k, low, high = (after[key] for key in ("samples_per_problem", "avg_at_k_low", "avg_at_k_high"))
    note = f"95 % CI {low:.3f} to {high:.3f}; {before['avg_at_k']:.3f} at step {before['step']}"
    return _tile(f"held-out avg@{k}", f"{after['avg_at_k']:.3f}", note)


def sentences(run: RunData, summary: dict[str, Any]) -> list[str]:
    """The run in a few sentences: score, stages, truncation, time."""
    if not run.steps:
        return ["No step is complete yet."]
    found = [_score_sentence(summary), *_stage_sentences(summary), _truncation(summary), _time(summary)]
    return [sentence for sentence in found if sentence]


def _score_sentence(summary: dict[str, Any]) -> str:
    heldout = summary["heldout"]
    if heldout is None:
        return "It has no held-out score yet."
    before, after = heldout["before"], heldout["after"]
    if before["step"] == after["step"]:
        return f"It has one held-out score, {after['avg_at_k']:.3f} at step {after['step']}."
    if not heldout["comparable"]:
        return (
            "The first and the last held-out score are on other problems or other samples: compare neither."
        )
    apart = after["avg_at_k_low"] > before["avg_at_k_high"] or after["avg_at_k_high"] < before["avg_at_k_low"]
    direction = "rose" if heldout["gain"] > 0 else "fell"
    verb = direction if apart else "did not change by more than its uncertainty:"
    return (
        f"The held-out score {verb} from {before['avg_at_k']:.3f} at step {before['step']} to "
        f"{after['avg_at_k']:.3f} at step {after['step']}, on {after['num_problems']:,} problems with "
        f"{after['samples_per_problem']} samples each."
    )


def _stage_sentences(summary: dict[str, Any]) -> list[str]:
    found = []
    for stage in summary["stages"]:
        number, tokens = stage["index"] + 1, f"{stage['max_response_tokens']:,}"
        if stage["ended_by"] == UNFINISHED:
            found.append(f"Stage {number} (budget {tokens} tokens) is at step {stage['last_step']}.")
        else:
            why = ENDED.get(stage["ended_by"], stage["ended_by"])
            found.append(
                f"Stage {number} (budget {tokens} tokens) ended at step {stage['last_step']}, because {why}."
            )
    return found


def _truncation(summary: dict[str, Any]) -> str:
    first, last = (summary["truncated_fraction"][f"first_stage_{edge}_steps"] for edge in ("first", "last"))
    if first is None or last is None:
        return ""
    return f"The budget of stage 1 cut off {first:.1%} of the responses at first and {last:.1%} at its end."


def _time(summary: dict[str, Any]) -> str:
    seconds = {
        k: v for k, v in summary["seconds"].items() if k not in ("total", "verify", "evaluation") and v
    }
    total = summary["seconds"]["total"]
    if not total or not seconds:
        return ""
    largest = sorted(seconds, key=lambda name: -seconds[name])[:2]
    shares = " and ".join(f"{seconds[name] / total:.0%} for {name}" for name in largest)
    return f"Of {format_seconds(total)}, it used {shares}."
