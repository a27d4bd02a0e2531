"""Pages of an evaluation and of a curation in a browser: filters and keys work, hostile texts stay text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from or1.cli.report import report
from or1.curate.curate import curate
from or1.evals.results import RESPONSES, RESULTS
from tests.browser.conftest import HOSTILE, Watched
from tests.unit.curate.corpus import Silent, config, plain, problems, write_lines
from tests.unit.evals.small import play, questions

ROW = ".row"
MARKUP = ".detail :is(img, svg, iframe, a, h1, style, b), #view > h1, .example *"
"""Elements that only the texts of the tests could bring."""


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten problems with two samples each; texts, answers and questions are hostile, sample 0 is correct."""
    place = tmp_path_factory.mktemp("evaluation")
    rows = [
        {"problem": f"{text[:500]} {number}", "answer": str(number)}
        for number, text in enumerate(HOSTILE[:10])
    ]
    play(
        place / "eval",
        questions(place, rows),
        lambda question, i: f"\\boxed{{{question.split()[-1] if i == 0 else 99}}}",
    )
    for name, field in ((RESPONSES, "text"), (RESULTS, "answer")):
        lines = [json.loads(line) for line in (place / "eval" / name).read_text().splitlines()]
        lines = [{**line, field: text} for line, text in zip(lines, HOSTILE, strict=True)]
        (place / "eval" / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    report([place / "eval"], None)
    return place / "eval" / "report.html"


@pytest.fixture(scope="session")
def curation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty kept problems, five copies, and the hostile texts as questions, some of them kept."""
    place = tmp_path_factory.mktemp("curation")
    rows = problems(20)
    hostile = [{"problem": text, "answer": "1"} for text in HOSTILE]
    write_lines(place / "rows.jsonl", [*hostile, *rows, *rows[:5]])
    curate(config(place, plain("rows", "rows.jsonl")), place / "out", Silent())
    report([place / "out"], None)
    return place / "out-report.html"


def all_details(page: Any) -> list[str]:
    """The texts of every entry of the list, opened in turn with the keyboard."""
    found: list[str] = []
    while True:
        page.evaluate("document.querySelector('.browser').classList.remove('opened')")
        page.focus(".list")
        page.keyboard.press("ArrowDown" if found else "Home")
        chosen = page.get_attribute(".list", "aria-activedescendant")
        text = page.evaluate("document.querySelector('.detail').textContent")
        if found and chosen == found[-1]:
            return found[::2]
        found += [text, chosen]


def test_scores_have_their_interval(watched: Watched, evaluation: Path) -> None:
    page = watched.open(evaluation)
    page.wait_for_selector("td")
    assert page.locator("tr.whole td").nth(4).inner_text() == "50.0"
    left, width = page.evaluate(
        "() => { const b = document.querySelector('.score-bar').getBoundingClientRect();"
        " const p = document.querySelector('.point').getBoundingClientRect();"
        " return [(p.left + p.width / 2 - b.left) / b.width, b.width]; }"
    )
    assert left == pytest.approx(0.5, abs=0.02)
    assert width > 100
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_grid_of_samples_is_used_with_the_keyboard(watched: Watched, evaluation: Path) -> None:
    page = watched.open(evaluation, "#samples")
    page.wait_for_selector(ROW)
    assert (
        page.locator(".cell.good").count() == page.locator(".cell.bad").count() == page.locator(ROW).count()
    )
    page.focus(".list")
    page.keyboard.press("Home")
    assert page.evaluate("document.querySelectorAll('.fact dd')[0].textContent") == "correct"
    page.evaluate("document.querySelector('.browser').classList.remove('opened')")
    page.focus(".list")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.querySelectorAll('.fact dd')[0].textContent") == "incorrect: wrong_value"
    assert page.evaluate("document.querySelectorAll('.detail pre')[1].textContent") == HOSTILE[1]
    page.evaluate("document.querySelector('.browser').classList.remove('opened')")
    page.fill("input[aria-label=text]", "ONERROR")
    page.wait_for_selector("[role=status]:has-text('1 of 10 problems')")


def test_hostile_samples_are_text(watched: Watched, evaluation: Path) -> None:
    page = watched.open(evaluation, "#samples")
    page.wait_for_selector(ROW)
    scripts = page.locator("script").count()
    found = all_details(page)
    assert len(found) == 10
    assert all(HOSTILE[number] in text for number, text in enumerate(found[:3]))
    assert page.evaluate("window.hacked") is None
    assert page.locator("script").count() == scripts
    assert page.locator(MARKUP).count() == 0


def test_a_reason_of_the_funnel_opens_its_rows(watched: Watched, curation: Path) -> None:
    page = watched.open(curation)
    page.locator(".reason", has_text="exact duplicate").click()
    page.wait_for_selector("[role=status]:has-text('5 of ')")
    page.focus(".list")
    page.keyboard.press("Home")
    assert page.inner_text(".detail h2") == "Removed: exact duplicate"
    mine, other = page.locator(".detail .pair pre").all_inner_texts()
    assert mine == other
    assert mine in [row["problem"] for row in problems(20)[:5]]
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_hostile_rows_are_text(watched: Watched, curation: Path) -> None:
    page = watched.open(curation, "#rows")
    page.wait_for_selector(ROW)
    scripts = page.locator("script").count()
    found = all_details(page)
    assert any("<script>window.hacked = 1</script>" in text for text in found)
    assert len(found) == int(page.inner_text("[role=status]").split()[0])
    assert page.evaluate("window.hacked") is None
    assert page.locator("script").count() == scripts
    assert page.locator(MARKUP).count() == 0
    page.evaluate("location.hash = '#funnel'")
    page.wait_for_selector(".reason")
    assert page.locator(MARKUP).count() == 0
