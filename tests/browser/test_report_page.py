"""The report in a browser: it renders, its filters and keys work, and no text of a rollout is ever markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from or1.board.page import page as page_of
from or1.board.report_data import report_data
from or1.board.report_rollouts import rollouts_of
from tests.browser.conftest import HOSTILE, Watched

ROW = ".row"
NUM_LONG = 10_000
IN_SIGHT = """() => {
  const list = document.querySelector(".list").getBoundingClientRect();
  const rows = [...document.querySelectorAll(".row")].map((row) => [row, row.getBoundingClientRect()])
    .filter(([, box]) => box.bottom > list.top && box.top < list.bottom);
  const top = Math.min(...rows.map(([, box]) => box.top));
  const bottom = Math.max(...rows.map(([, box]) => box.bottom));
  const place = (row) => Number(row.getAttribute("aria-posinset")) - 1;
  return {
    rows: rows.map(([row]) => [place(row), row.querySelector(".row-end").textContent]),
    covered: Math.min(bottom, list.bottom - 1) - Math.max(top, list.top + 1), height: list.height - 2,
  };
}"""
"""Places and texts of the rows in sight, and the pixels of the list that they cover."""


def chosen(page: Any) -> str:
    return str(page.inner_text(".detail h2"))


def test_overview_shows_summary_and_curves(watched: Watched, finished: Path) -> None:
    page = watched.open(finished)
    page.wait_for_selector(".panel canvas")
    assert page.inner_text(".tile .value >> nth=0") == "0.800"
    assert "The held-out score rose from 0.300 at step 0 to 0.800 at step 10" in page.inner_text(".prose")
    assert page.locator(".panel").count() == page.locator(".panel canvas").count() >= 8
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_plot_is_read_with_the_keyboard(watched: Watched, finished: Path) -> None:
    """Home shows the values of step 0 (the first score), the next steps those of the first ones."""
    page = watched.open(finished)
    page.wait_for_selector("#panel-reward canvas")
    page.focus("#panel-reward .plot")
    page.keyboard.press("Home")
    score = "#panel-reward .legend button:nth-child(2) b"
    page.wait_for_selector(f"{score}:text-is('0.3')")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"{score}:text-is('0.4')")


def test_legend_hides_a_curve(watched: Watched, finished: Path) -> None:
    page = watched.open(finished)
    page.wait_for_selector("#panel-reward canvas")
    button = page.locator("#panel-reward .legend button").first
    button.click()
    assert button.get_attribute("aria-pressed") == "false"


def test_tabs_and_theme_work_with_the_keyboard(watched: Watched, finished: Path) -> None:
    page = watched.open(finished)
    page.focus("[role=tab][aria-selected=true]")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("location.hash") == "#rollouts"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == "Settings"
    assert page.locator("td code", has_text="stages.0.num_steps").count() == 1
    before = page.evaluate("document.documentElement.dataset.theme")
    page.focus(".theme")
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") != before


def test_filters_and_list_keys(watched: Watched, finished: Path) -> None:
    page = watched.open(finished, "#rollouts")
    page.wait_for_selector(ROW)
    assert page.inner_text("[role=status]").startswith("120 of 120 rollouts")
    page.select_option("select[aria-label=step]", "3")
    assert page.inner_text("[role=status]").startswith("12 of 120 rollouts")
    page.select_option("select[aria-label=verdict]", "right")
    marks = page.locator(f"{ROW} .mark")
    assert {marks.nth(n).get_attribute("aria-label") for n in range(marks.count())} <= {"correct"}
    page.select_option("select[aria-label=verdict]", "")
    page.focus(".list")
    page.keyboard.press("Home")
    assert chosen(page).endswith("Step 3, rollout 0")
    page.evaluate("document.querySelector('.browser').classList.remove('opened')")
    page.focus(".list")
    page.keyboard.press("ArrowDown")
    assert chosen(page).endswith("Step 3, rollout 1")
    assert page.inner_text(".detail .part >> nth=0").startswith("Group: ")
    assert page.locator(".sibling").count() == 4


def test_search_finds_text(watched: Watched, hostile: Path) -> None:
    page = watched.open(hostile, "#rollouts")
    page.wait_for_selector(ROW)
    page.fill("input[aria-label=text]", "ONERROR")
    page.wait_for_selector("[role=status]:has-text('1 of 20')")
    assert HOSTILE[3].endswith(page.inner_text(f"{ROW} .row-end"))
    assert len(page.inner_text(f"{ROW} .row-end")) >= 28


def test_hostile_texts_are_text(watched: Watched, hostile: Path) -> None:
    """Each of them opened in turn: the page has the elements of its own scripts and no other."""
    page = watched.open(hostile, "#rollouts")
    page.wait_for_selector(ROW)
    scripts = page.locator("script").count()
    page.select_option("select[aria-label=order]", "step")
    shown, answers = [], []
    for number in range(len(HOSTILE)):
        page.evaluate("document.querySelector('.browser').classList.remove('opened')")
        page.focus(".list")
        page.keyboard.press("Home" if number == 0 else "ArrowDown")
        shown.append(page.evaluate("document.querySelector('.detail pre.text:not(.prompt)').textContent"))
        answers.append(page.evaluate("document.querySelectorAll('.fact dd')[1].textContent"))
    assert page.title() == "</title><script>window.hacked = 1</script> - or1"
    assert page.evaluate("window.hacked") is None
    assert page.locator("script").count() == scripts
    assert page.locator(".detail :is(img, svg, iframe, a, h1, style, b), #view > h1").count() == 0
    assert shown[0] == HOSTILE[0]
    assert shown[12] == "[U+0001][U+001B][2J[U+007F]", "the tokenizer of the test drops NUL"
    assert answers[12] == "[U+0000][U+0001][U+001B][2J[U+007F]"
    assert shown[13] == "[U+202E]right to left[U+202C] [U+2066]isolated"
    assert "980,000 characters are left out" in shown[18]


def test_policy_stops_a_script_that_is_not_its_own(watched: Watched, tmp_path: Path) -> None:
    """Were a text read as markup after all, it would still not run."""
    data = {"kind": "none", "title": "x", "version": "0"}
    text = page_of(data).replace(
        "<body>", "<body><script>window.hacked = 1</script><img src='https://example.com/x.png'>"
    )
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    page = watched.open(tmp_path / "page.html")
    assert page.evaluate("window.hacked") is None
    assert len(watched.faults) >= 2
    watched.faults.clear()


@pytest.fixture(scope="session")
def long_list(finished: Path) -> Path:
    """A page of 10,000 rollouts: those of the finished run, again and again, each with its number as text."""
    (packed,) = rollouts_of([finished.parent])
    columns = {name: (values * 84)[:NUM_LONG] for name, values in packed["columns"].items()}
    columns["response"] = [f"number {n}" for n in range(NUM_LONG)]
    columns["lengths"] = [None] * NUM_LONG
    path = finished.with_name("long.html")
    text = page_of(report_data([finished.parent]), [{**packed, "columns": columns}])
    path.write_text(text, encoding="utf-8")
    return path


def test_list_of_10_000_keeps_few_elements(watched: Watched, long_list: Path) -> None:
    """Scrolled to any place, the list is filled there, with the rows of that place, and elements stay few."""
    page = watched.open(long_list, "#rollouts")
    page.wait_for_selector(ROW)
    assert page.inner_text("[role=status]").startswith("10,000 of 10,000 rollouts")
    page.select_option("select[aria-label=order]", "step")
    steps = rollouts_of([long_list.parent])[0]["columns"]["step"] * 84
    order = sorted(range(NUM_LONG), key=lambda n: steps[n])
    wanted = [f"number {n}" for n in order]
    for share in (0.0, 0.37, 0.371, 1.0):
        page.evaluate(
            "s => { const l = document.querySelector('.list'); l.scrollTop = s * l.scrollHeight; }", share
        )
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.locator(".row").count() <= 40
        seen = page.evaluate(IN_SIGHT)
        assert seen["covered"] >= seen["height"]
        assert [wanted[position] for position, _ in seen["rows"]] == [text for _, text in seen["rows"]]
        last = max(position for position, _ in seen["rows"])
        assert (last == NUM_LONG - 1) is (share == 1.0)
