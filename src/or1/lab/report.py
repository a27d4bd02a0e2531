"""The page of the lab: outcomes, tables and pictures, made from the results alone.

OUT/lab.md          the page
OUT/lab/NAME.png    picture of an experiment
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from or1.evals.statistics import Estimate
from or1.lab.decide import (
    FEWEST_SEEDS,
    DecidedFinding,
    FindingOutcome,
    decide,
    effect_of,
    visible_distance,
)
from or1.lab.diagnostics import diagnostics_section
from or1.lab.experiment import (
    ArmConfig,
    ExperimentConfig,
    StatisticConfig,
    list_experiments,
    load,
    resolve,
)
from or1.lab.findings import load_findings
from or1.lab.pictures import experiment_figure
from or1.lab.planned_hours import hours_table
from or1.lab.results import RunResult, Runs, differences, read_results, runs_of, value_of
from or1.storage.atomic import guard_writes, replacing
from or1.tracking.figure import save_figure

LAST_SCORE = StatisticConfig(series="score", start=1.0)
LAST_ENTROPY = StatisticConfig(series="entropy")

INTRODUCTION = """# The entropy lab

The experiments of Skywork-OR1 (arXiv 2505.22312v2) with the built-in model, and further ones that the paper
leaves out. `or1 lab report` writes this page and its pictures from the results in `docs/lab/results`, so edit
neither by hand; [extending.md](extending.md) says how to add an experiment.

The built-in model has about a million parameters and solves arithmetic. An outcome here says something about
this model and task; it neither proves nor disproves the paper's finding for a model of 7B parameters.
"""
_RELATIONS = {"above": ">", "below": "<", "same": "within"}
RULES = """An outcome is decided by code (`or1.lab.decide`) from statements that were written before the runs
(`src/or1/lab/findings.toml`). The effect is the mean over seeds of the difference between two arms at the
same seed, with a 95 % t interval of its own. *Reproduced*: the effect exceeds the margin in the paper's
direction. *Opposite*: it exceeds the margin in the other direction. *Not reproduced at this scale*: it is
shown to be smaller than the margin. All else is *inconclusive*; fewer than three seeds decide
nothing, and a finding without results is *not run*.
Each kind of test is corrected for the number of findings by Holm's method: the chance of one or more false
"reproduced" among all findings is at most 5 %. A run whose training cannot continue (weights that diverge)
lacks the values of its last steps and leaves its pair; the tables count such runs.
"""


def write_report(results: Path, out: Path, *, quick: bool) -> Path:
    """Write the page and the pictures of all experiments that have results.

    Args:
        results: folder of the results.
        out: folder of the page.
        quick: show quick runs, as `lab-quick.md`, without outcomes.

    Returns:
        path of the page.

    Raises:
        ConfigError: a finding or experiment is wrong, or matplotlib is not installed.
        DataError: a result is damaged.
        RunFolderError: the folder cannot be written.
    """
    name = "lab-quick" if quick else "lab"
    found = {key: each for key, each in read_results(results).items() if each.quick == quick}
    experiments = [load(each) for each in list_experiments()]
    runs = {each.name: runs_of(each, found, quick=quick) for each in experiments}
    with guard_writes(out):
        (out / name).mkdir(parents=True, exist_ok=True)
    for experiment in experiments:
        if can_compare(runs[experiment.name]):
            figure = experiment_figure(experiment, runs[experiment.name], target_of(experiment))
            save_figure(figure, out / name / f"{experiment.name}.png")
    sections = [
        INTRODUCTION,
        "Quick runs: one seed, few steps, no outcomes.\n" if quick else _findings(experiments, runs),
        diagnostics_section(list(found.values())),
        *(_experiment(each, runs[each.name], name) for each in experiments),
    ]
    page = out / f"{name}.md"
    with guard_writes(out), replacing(page) as part:
        part.write_text("\n".join(sections), encoding="utf-8")
    return page


def can_compare(runs: Runs) -> bool:
    """Whether two or more arms have runs: a single one may be there for another experiment."""
    return sum(bool(each) for each in runs.values()) > 1


def target_of(experiment: ExperimentConfig) -> float | None:
    """The one entropy target of the arms with adaptive control [nats/token]; None where they differ."""
    controls = [resolve(experiment, arm, 1, quick=False).entropy for arm in experiment.arms]
    targets = {control.target for control in controls if control.mode == "adaptive"}
    return targets.pop() if len(targets) == 1 else None


def _findings(experiments: Sequence[ExperimentConfig], runs: Mapping[str, Runs]) -> str:
    findings = load_findings()
    decided = decide(findings, {each.name: each for each in experiments}, runs)
    counts = [(o, sum(each.outcome is o for each in decided)) for o in FindingOutcome]
    lines = [
        "## Findings\n",
        RULES,
        f"{len(decided)} findings: " + ", ".join(f"{num} {outcome}" for outcome, num in counts if num) + ".",
        "",
        _visible(len(findings)),
        "",
        "| finding | paper | effect | margin | seeds | p | outcome |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_row(each) for each in decided),
        "",
    ]
    return "\n".join(lines)


def _visible(num_findings: int) -> str:
    sizes = [f"{visible_distance(n, num_findings):.1f} with {n}" for n in range(FEWEST_SEEDS, 7)]
    return (
        f"With {num_findings} findings, an effect that lies further from its margin than this many standard "
        "deviations (of the difference between the arms, over seeds) is decided in at least 80 of 100 cases: "
        f"{', '.join(sizes)} seeds."
    )


def _row(decided: DecidedFinding) -> str:
    finding, effect = decided.finding, decided.effect
    minus = "-" if finding.direction == "below" and finding.margin else ""
    margin = f"{_RELATIONS[finding.direction]} {minus}{finding.margin:g}"
    p = "-" if effect is None else f"{decided.p_reproduced:.3f}"
    return (
        f"| {finding.statement} | {finding.paper} ({finding.source}) | {_shown(effect)} | {margin} "
        f"| {decided.pairs} | {p} | **{decided.outcome}** |"
    )


def _shown(effect: Estimate | None) -> str:
    return "-" if effect is None else f"{effect.mean:+.3f} [{effect.low:+.3f}, {effect.high:+.3f}]"


def _experiment(experiment: ExperimentConfig, runs: Runs, folder: str) -> str:
    has_runs = can_compare(runs)
    statistic = experiment.statistic
    lines = [
        f"## {experiment.title}\n",
        f"{experiment.question} ({experiment.source}; `{experiment.name}`)\n",
        *([f"{experiment.setup}\n"] if experiment.setup else []),
        f"![{experiment.title}]({folder}/{experiment.name}.png)\n" if has_runs else "Not run.\n",
    ]
    if has_runs:
        lines += [
            f"| arm | seeds | entropy, last fifth | held-out score | {_name(statistic)}: difference from "
            f"{experiment.arms[0].name} |",
            "| --- | --- | --- | --- | --- |",
            *(_arm_row(experiment, arm, runs) for arm in experiment.arms),
            "",
        ]
    lines += hours_table(experiment.plan)
    return "\n".join(lines)


def _name(statistic: StatisticConfig) -> str:
    reduced = "" if statistic.reduce == "mean" else f"{statistic.reduce} of "
    return f"{reduced}{statistic.series}"


def _arm_row(experiment: ExperimentConfig, arm: ArmConfig, runs: Runs) -> str:
    own = runs[arm.name]
    cells = (
        f"{arm.name} {arm.about}",
        _num_runs(own),
        _mean(own, LAST_ENTROPY),
        _mean(own, LAST_SCORE),
        _difference(experiment, arm, runs),
    )
    return f"| {' | '.join(cells)} |"


def _num_runs(runs: Sequence[RunResult]) -> str:
    num_ended = sum(bool(run.ended_by) for run in runs)
    return f"{len(runs)} ({num_ended} could not continue)" if num_ended else str(len(runs))


def _mean(runs: Sequence[RunResult], statistic: StatisticConfig) -> str:
    values = [value for run in runs if (value := value_of(run, statistic)) is not None]
    if not values:
        return "-"
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"


def _difference(experiment: ExperimentConfig, arm: ArmConfig, runs: Runs) -> str:
    """Mean difference from the first arm at the same seed, with its 95 % interval, not corrected."""
    if arm is experiment.arms[0]:
        return ""
    first = runs[experiment.arms[0].name]
    return _shown(effect_of(differences(runs[arm.name], first, experiment.statistic)))
