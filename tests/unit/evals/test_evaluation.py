"""An evaluation goes on from what is in its folder, and what is there does not depend on how it got there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from or1.errors import DataError, RunFolderError
from or1.evals.pipeline import generate, judge
from or1.evals.results import DESCRIPTION, RESPONSES, RESULTS, EvalFolder, ResponseRow, ResultRow, read
from or1.evals.settings import EvalRunConfig
from or1.evals.tables import tabulate
from or1.testing import InjectedFaultError, InlineVerifierPool, Scripted
from or1.types import Finish, Outcome, Rollout
from or1_verify.math import MathVerifier
from tests.unit.evals.small import (
    ENVIRONMENT,
    ROWS,
    SAMPLING,
    SETTINGS,
    Silent,
    engine,
    opened,
    play,
    pool,
    questions,
    without_times,
)

ANSWERS = {"One?": ["1", "7"], "Two?": ["2", "2"], "Half?": ["0.5", "\\frac{2}{4}"]}


def said(question: str, sample: int) -> str:
    return f"\\boxed{{{ANSWERS[question][sample % 2]}}}"


def test_rows_say_what_was_asked_what_came_and_how_it_was_judged(tmp_path: Path) -> None:
    play(tmp_path / "out", questions(tmp_path), said)
    rows = list(read(tmp_path / "out" / RESULTS, ResultRow))
    assert [(r.problem, r.sample, r.answer, r.outcome, r.reward) for r in rows] == [
        ("p0", 0, "1", Outcome.RIGHT, 1.0),
        ("p0", 1, "7", Outcome.WRONG, 0.0),
        ("p1", 0, "2", Outcome.RIGHT, 1.0),
        ("p1", 1, "2", Outcome.RIGHT, 1.0),
        ("p2", 0, "0.5", Outcome.RIGHT, 1.0),
        ("p2", 1, "\\frac{2}{4}", Outcome.RIGHT, 1.0),
    ]
    # the two spellings of a half vote together
    assert [r.vote for r in rows] == ["1", "7", "2", "2", "0.5", "0.5"]
    assert all(r.finish is Finish.STOP and r.num_tokens > 0 for r in rows)
    asked = {a.key: a.prompt_hash for a in questions(tmp_path).asked}
    assert all(r.prompt_hash == asked[r.problem] for r in rows)


def last_first(rollouts: list[Rollout]) -> list[Rollout]:
    return rollouts[::-1]


@pytest.mark.parametrize("deaths", [(0,), (1,), (5,), (2, 1, 1), (3, 2)])
def test_killed_while_generating_and_repeated(deaths: tuple[int, ...], tmp_path: Path) -> None:
    asked = questions(tmp_path)
    play(tmp_path / "whole", asked, said)
    for dies_after in deaths:
        with (
            opened(tmp_path / "out", asked, 2) as folder,
            pytest.raises(InjectedFaultError),
        ):
            generate(engine(said, asked, dies_after=dies_after), [asked], folder, SAMPLING, Silent())
    watch = Silent()
    with opened(tmp_path / "out", asked, 2) as folder:
        generate(engine(said, asked, order=last_first), [asked], folder, SAMPLING, watch)
        judge(pool(block=4), [asked], folder, watch)
    # nothing that was there is asked for again
    name, missing = watch.begun[0]
    assert (name, list(missing), sum(missing.values())) == (
        "math500 samples",
        ["p0", "p1", "p2"],
        6 - sum(deaths),
    )
    assert watch.begun[1] == ("math500 verdicts", {"p0": 2, "p1": 2, "p2": 2})
    assert len(watch.advanced) == 6 - sum(deaths) + 6
    assert [tokens > 0 for _, tokens in watch.advanced] == [True] * (6 - sum(deaths)) + [False] * 6
    for file in (RESPONSES, RESULTS):
        assert without_times(tmp_path / "out" / file) == without_times(tmp_path / "whole" / file)


def test_a_torn_last_line_is_forgotten(tmp_path: Path) -> None:
    asked, out = questions(tmp_path), tmp_path / "out"
    play(out, asked, said)
    whole = without_times(out / RESPONSES)
    content = (out / RESPONSES).read_bytes()
    (out / RESPONSES).write_bytes(content[:-40])
    play(out, asked, said)
    assert without_times(out / RESPONSES) == whole


def test_more_samples_join_those_that_are_there(tmp_path: Path) -> None:
    asked, out = questions(tmp_path), tmp_path / "out"
    play(out, asked, said, k=2)
    before = (out / RESPONSES).read_text().splitlines()
    play(out, asked, said, k=4)
    after = (out / RESPONSES).read_text().splitlines()
    assert set(before) < set(after)
    assert len(after) == 12
    assert tabulate(out)[0].k == 4


def test_each_sample_has_a_seed_of_its_own_that_no_other_changes(tmp_path: Path) -> None:
    asked = questions(tmp_path)
    few, many = engine(said, asked), engine(said, asked)
    for k, made, name in ((1, few, "few"), (3, many, "many")):
        with opened(tmp_path / name, asked, k) as folder:
            generate(made, [asked], folder, SAMPLING, Silent())
    ((few_ids, few_sampling),) = few.calls
    ((many_ids, many_sampling),) = many.calls
    assert set(few_ids) < set(many_ids)
    assert few_sampling == many_sampling
    assert few_sampling.group_size == 1


def test_a_sample_that_the_generator_lost_is_asked_for_again(tmp_path: Path) -> None:
    asked, out = questions(tmp_path), tmp_path / "out"

    def first_time(question: str, sample: int) -> Scripted:
        return Scripted(said(question, sample), aborted=question == "One?", lost=question == "Two?")

    assert play(out, asked, first_time) == 4
    with pytest.raises(DataError, match="4 of 6 samples are missing or not judged"):
        tabulate(out)
    assert play(out, asked, said) == 0
    assert tabulate(out)[0].num_unknown == 0


def test_bounds_hold_whatever_the_missing_samples_are(tmp_path: Path) -> None:
    asked, out = questions(tmp_path), tmp_path / "out"

    def lossy(question: str, sample: int) -> Scripted:
        return Scripted(said(question, sample), lost=question == "One?" and sample == 0)

    play(out, asked, lossy)
    row = tabulate(out, bounds=True)[0]
    # right: one of the five known is not; the sixth is 0 or 1
    assert (row.bounds.low, row.bounds.high) == pytest.approx((4 / 6, 5 / 6))
    assert row.num_unknown == 1


def test_nothing_judged_bounds_nothing(tmp_path: Path) -> None:
    asked = questions(tmp_path)
    play(tmp_path / "out", asked, lambda question, sample: Scripted("x", lost=True))
    with pytest.raises(DataError, match="none of 6 samples"):
        tabulate(tmp_path / "out", bounds=True)


def test_judged_afresh_is_judged_the_same(tmp_path: Path) -> None:
    asked, out = questions(tmp_path), tmp_path / "out"
    play(out, asked, said)
    before = (out / RESULTS).read_bytes()
    responses = (out / RESPONSES).read_bytes()
    with opened(out, asked, 2) as folder:
        judge(pool(), [asked], folder, Silent(), afresh=True)
    assert (out / RESPONSES).read_bytes() == responses
    assert [{**json.loads(line), "verify_s": 0} for line in before.splitlines()] == [
        {**json.loads(line), "verify_s": 0} for line in (out / RESULTS).read_bytes().splitlines()
    ]


def test_truncated_responses_are_wrong_and_not_read(tmp_path: Path) -> None:
    asked = questions(tmp_path)
    play(tmp_path / "out", asked, lambda question, sample: "\\boxed{1} " + "and so on " * 9)
    row = tabulate(tmp_path / "out")[0]
    assert (row.score, row.truncated_fraction, row.score_untruncated) == (0.0, 1.0, None)
    assert all(r.answer is None for r in read(tmp_path / "out" / RESULTS, ResultRow))


def test_other_settings_other_data_and_other_prompts_are_refused(tmp_path: Path) -> None:
    asked, out = questions(tmp_path), tmp_path / "out"
    play(out, asked, said)
    colder = {**SETTINGS, "sampling": {**SETTINGS["sampling"], "temperature": 0.5}}  # type: ignore[dict-item]
    with pytest.raises(RunFolderError, match=r"sampling\.temperature.*--out"):
        opened(out, asked, 2, colder)
    with pytest.raises(RunFolderError, match="data_hash"):
        opened(out, questions(tmp_path, ROWS[:2]), 2)
    lenient = {**SETTINGS, "unboxed_answers": True}
    with pytest.raises(RunFolderError, match="unboxed_answers"):
        opened(out, asked, 2, lenient)
    with opened(out, questions(tmp_path), 2), pytest.raises(RunFolderError, match="in use"):
        opened(out, asked, 2)
    names = {"math500": 2}
    with EvalFolder.open(out, lenient, [asked], names, ENVIRONMENT, afresh=True) as folder:
        assert folder.description["settings"]["unboxed_answers"] is True


def stored(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the settings in an evaluation folder."""
    description = json.loads((folder / DESCRIPTION).read_text())
    change(description["settings"])
    (folder / DESCRIPTION).write_text(json.dumps(description))


@pytest.mark.parametrize("afresh", [False, True])
def test_a_setting_that_the_folder_lacks_has_its_default(tmp_path: Path, afresh: bool) -> None:
    asked, out = questions(tmp_path), tmp_path / "out"
    complete = EvalRunConfig.model_validate({"model": {"path": "m"}}).model_dump(mode="json")
    complete |= {key: SETTINGS[key] for key in ("protocol", "sampling")}
    opened(out, asked, 2, complete).close()

    def older(settings: dict[str, Any]) -> None:
        for key in ("num_engines", "vllm", "unboxed_answers", "top_p"):
            del settings[key]
        del settings["model"]["dtype"], settings["verify"]["time_limit_s"]

    stored(out, older)
    names = {"math500": 2}
    for change, message in (
        ({"top_p": 0.5}, r"\(top_p is null there, 0\.5 here\)"),
        (
            {"model": {**complete["model"], "dtype": "float32"}},
            r"\(model\.dtype is auto there, float32 here\)",
        ),
    ):
        with pytest.raises(RunFolderError, match=message):
            EvalFolder.open(out, complete | change, [asked], names, ENVIRONMENT, afresh=afresh)
    with EvalFolder.open(out, complete, [asked], names, ENVIRONMENT, afresh=afresh) as folder:
        assert folder.description["settings"] == complete


def test_engines_may_change_when_an_evaluation_resumes(tmp_path: Path) -> None:
    asked, out = questions(tmp_path), tmp_path / "out"
    opened(out, asked, 2).close()
    more = {"num_engines": 2, "vllm": {"start_limit_s": 3600.0, "gpus": [0, 1]}}
    with opened(out, asked, 2, {**SETTINGS, **more}) as folder:
        assert folder.description["settings"]["vllm"]["start_limit_s"] == 3600.0


def test_a_damaged_row_is_named(tmp_path: Path) -> None:
    asked, out = questions(tmp_path), tmp_path / "out"
    play(out, asked, said)
    (out / RESPONSES).write_text('{"benchmark": "x"}\n')
    with pytest.raises(DataError, match=r"responses\.jsonl line 1 is damaged"):
        list(read(out / RESPONSES, ResponseRow))


@pytest.mark.parametrize("change", [{"reward": "x"}, {"reward": 7}, {"reward": "nan"}, {"sample": "0"}])
def test_a_row_that_no_run_writes_is_damaged(change: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    play(out, questions(tmp_path), said)
    first, *others = (out / RESULTS).read_text().splitlines()
    (out / RESULTS).write_text("\n".join([json.dumps(json.loads(first) | change), *others, ""]))
    with pytest.raises(DataError, match=r"results\.jsonl line 1 is damaged"):
        tabulate(out)


def test_texts_that_look_like_numbers_stay_texts(tmp_path: Path) -> None:
    asked = questions(tmp_path)
    play(tmp_path / "out", asked, lambda question, sample: "nan" if sample else "\\boxed{inf}")
    texts = {r.text for r in read(tmp_path / "out" / RESPONSES, ResponseRow)}
    assert texts == {"nan", "\\boxed{inf}"}


def test_an_answer_without_a_box_votes_where_it_is_read(tmp_path: Path) -> None:
    asked = questions(tmp_path)
    with opened(tmp_path / "out", asked, 2) as folder:
        lines = engine(lambda question, sample: "The answer is 2.", asked)
        generate(lines, [asked], folder, SAMPLING, Silent())
        judge(InlineVerifierPool({"math": MathVerifier(unboxed=True)}), [asked], folder, Silent())
    rows = list(read(tmp_path / "out" / RESULTS, ResultRow))
    assert [(r.reward, r.answer, r.vote) for r in rows[2:4]] == [(1.0, "2", "2")] * 2
    assert [(r.reward, r.answer, r.vote) for r in rows[:2]] == [(0.0, "2", "2")] * 2


def test_what_is_no_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"holds no eval\.json"):
        EvalFolder.read(tmp_path)
    environment = {"or1_version": "1", "commit": "c0ffee"}
    sound = {"settings": {"imported": "x"}, "benchmarks": {}, "environment": environment}
    for change, part in (
        ({"settings": None}, "wrong type"),
        ({"settings": {}}, "no 'protocol'"),
        ({"benchmarks": {"gsm8k": {}}}, "no 'samples'"),
        ({"benchmarks": {"gsm8k": {"samples": 0}}}, "gsm8k has no number of samples"),
    ):
        (tmp_path / "eval.json").write_text(json.dumps({**sound, **change}))
        with pytest.raises(RunFolderError, match=f"damaged .*{part}"):
            EvalFolder.read(tmp_path)
    (tmp_path / "eval.json").write_text("{}")
    with pytest.raises(RunFolderError, match=r"damaged \(no 'settings'"):
        EvalFolder.read(tmp_path)
