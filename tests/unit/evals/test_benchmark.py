"""Benchmarks, protocols and published scores: each file holds, and names, releases and windows are read
right."""

from __future__ import annotations

from pathlib import Path

import pytest

from or1.errors import ConfigError
from or1.evals.benchmark import (
    Window,
    list_benchmarks,
    list_protocols,
    load_benchmark,
    load_protocol,
    published,
)


def test_all_that_the_reference_reports_is_there() -> None:
    assert {"aime24", "aime25", "livecodebench-v5", "processbench"} <= set(list_benchmarks())
    others = {"amc23", "math500", "gsm8k", "minerva", "olympiadbench", "humaneval", "mbpp", "arithmetic"}
    assert others <= set(list_benchmarks())


@pytest.mark.parametrize("name", list_benchmarks())
@pytest.mark.parametrize("protocol", list_protocols())
def test_every_protocol_can_ask_every_benchmark(name: str, protocol: str) -> None:
    benchmark = load_benchmark(name)
    prompts = load_protocol(protocol).prompts(benchmark)
    forms = {"code": ("stdin", "function", "humaneval", "asserts", "leetcode")}.get(
        benchmark.task, (benchmark.task,)
    )
    assert all("{question}" in prompts[form] for form in forms)  # type: ignore[index]


def test_numbers_of_the_reference() -> None:
    reference, paper, r1 = (load_protocol(name) for name in ("reference", "paper", "r1"))
    assert (reference.temperature, reference.top_p, reference.max_response_tokens) == (0.6, 1.0, 32_768)
    assert (paper.temperature, paper.top_p, paper.max_response_tokens) == (1.0, 1.0, 32_768)
    # 0.95 is DeepSeek's, not the reference's
    assert (r1.temperature, r1.top_p, r1.max_response_tokens) == (0.6, 0.95, 32_768)
    assert [load_benchmark(n).samples for n in ("aime24", "aime25", "livecodebench-v5")] == [32, 32, 4]


def test_a_protocol_that_extends_another_takes_the_benchmarks_own_prompts_too() -> None:
    aime24 = load_benchmark("aime24")
    asked = {name: load_protocol(name).prompts(aime24)["math"] for name in ("reference", "paper", "r1")}
    assert asked["reference"] == asked["paper"]
    assert asked["reference"].startswith("{question} Let's think step by step")
    assert "Let's think" not in asked["r1"]
    assert load_protocol("reference").prompts(load_benchmark("aime25"))["math"] == "{question}"


def test_a_prompt_takes_the_benchmarks_suffix(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    head = f'task = "math"\ndata = ["{tmp_path}/a.jsonl"]\nsuffix = " Answer in {{}}."\n'
    file.write_text(head + "[prompts.reference]\nmath = '{question}{suffix}'\n")
    assert load_protocol("paper").prompts(load_benchmark(str(file)))["math"] == "{question} Answer in {}."
    file.write_text(head + "[prompts.reference]\nmaths = '{question}'\n")
    with pytest.raises(ConfigError, match=r"of the form maths: did you mean math\? There are arithmetic, "):
        load_protocol("paper").prompts(load_benchmark(str(file)))


def test_no_prompt_ends_in_a_blank_or_holds_a_line_continuation() -> None:
    for protocol in map(load_protocol, list_protocols()):
        for prompt in protocol.prompts(load_benchmark("gsm8k")).values():
            assert prompt == prompt.strip()
            assert "\\\n" not in prompt


@pytest.mark.parametrize(
    ("release", "files", "problems"),
    [
        ("release_v1", ["test"], 400),
        ("release_v5", ["test", "test2", "test3", "test4", "test5"], 880),
        ("release_v6", ["test", "test2", "test3", "test4", "test5", "test6"], 1055),
        ("v6", ["test6"], 175),
        ("v5_v6", ["test5", "test6"], 342),
    ],
)
def test_releases_of_livecodebench(release: str, files: list[str], problems: int) -> None:
    benchmark = load_benchmark(f"livecodebench:{release}")
    assert [f.rpartition("/")[2].removesuffix(".jsonl") for f in benchmark.files()] == files
    assert benchmark.expected_problems == problems


def test_a_window_in_a_name() -> None:
    benchmark = load_benchmark("livecodebench:release_v5:2024-08-01..2025-02-01")
    named = load_benchmark("livecodebench-v5")
    assert (benchmark.start, benchmark.end, benchmark.release) == (named.start, named.end, named.release)
    assert named.expected_problems == 279
    # how many a window of one's own holds is not known beforehand
    assert benchmark.expected_problems is None
    assert load_benchmark("livecodebench:2025-02-01..").end is None


@pytest.mark.parametrize(
    ("when", "inside"),
    [
        ("2024-07-31", False),
        ("2024-08-01", True),
        ("2025-02-01T00:00:00", True),
        # later on the last day: outside, as LiveCodeBench compares
        ("2025-02-01T09:00:00", False),
        (None, False),
    ],
)
def test_both_ends_of_a_window_count_at_midnight(when: str | None, inside: bool) -> None:
    window = Window.model_validate({"start": "2024-08-01", "end": "2025-02-01"})
    assert window.holds(when) is inside
    assert Window().holds(when)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("aim24", ["aim24", "did you mean aime24?"]),
        ("aime24:release_v5", ["release_v5", "aime24"]),
        ("livecodebench:release_v9", ["benchmark livecodebench:release_v9: release release_v9", "v1 to v6"]),
        ("livecodebench:2025-02-01..2024-08-01", ["ends on 2024-08-01, before it begins on 2025-02-01"]),
        ("livecodebench-v5:2025-03-01..", ["ends on 2025-02-01, before it begins on 2025-03-01"]),
        ("livecodebench:2024..2025", ["2024..2025", "2024-08-01..2025-02-01"]),
    ],
)
def test_a_benchmark_that_is_none_is_named(name: str, parts: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        load_benchmark(name)
    assert all(part in str(refused.value) for part in parts)


def test_a_protocol_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match="did you mean reference"):
        load_protocol("referenced")


def test_published_scores_are_those_of_the_papers_table() -> None:
    scores = {(p.model, p.benchmark, p.row): p for p in published()}
    assert scores["Skywork-OR1-32B", "aime24", "all"].score == 0.822
    assert scores["Skywork-OR1-7B", "livecodebench-v5", "all"].k == 4
    assert scores["o1-mini", "livecodebench-v5", "hard"].score == 0.195
    assert len(scores) == len(published()), "a score is listed twice"
    # of the release that was judged, not of the newest
    assert scores["o1-mini", "livecodebench:release_v5", "all"].score == 0.684
    assert all(load_benchmark(p.benchmark) and len(p.source) > 10 for p in scores.values())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("livecodebench:release_v5", "v5 window"), ("livecodebench-v5", "all"), True),
        (("livecodebench:release_v5:2024-08-01..2025-02-01", "easy"), ("livecodebench-v5", "easy"), True),
        (("livecodebench:release_v6", "from 2025-02-01 hard"), ("livecodebench-2025", "hard"), True),
        (("livecodebench:release_v5", "all"), ("livecodebench-v5", "all"), False),
        (("livecodebench:release_v5", "all"), ("livecodebench", "all"), False),
        (("livecodebench-v5", "easy"), ("livecodebench-v5", "hard"), False),
        (("livecodebench-v5:release_v6", "all"), ("livecodebench-v5", "all"), False),
        (("aime24", "all"), ("aime25", "all"), False),
    ],
)
def test_what_means_the_same_problems(one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
    assert (load_benchmark(one[0]).identity(one[1]) == load_benchmark(other[0]).identity(other[1])) is same


def test_a_benchmark_of_your_own_is_a_file_with_its_data_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"question": "1+1", "answer": "2"}\n')
    path = tmp_path / "mine.toml"
    path.write_text('task = "math"\ndata = ["mine.jsonl", "owner/on-the-hub"]\nsamples = 3\n')
    own = load_benchmark(str(path))
    assert own.data == (str(tmp_path / "mine.jsonl"), "owner/on-the-hub")
    assert (own.name, own.family, own.samples) == (str(path), "mine", 3)
    path.write_text('extends = "aime24"\nsamples = 5\n')
    assert (load_benchmark(str(path)).family, load_benchmark(str(path)).samples) == ("aime24", 5)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "there is no such file"),
        ("task = ", "cannot be read"),
        ('task = "math"\nsample = 3\n', "sample: Extra inputs are not permitted"),
        ('task = "maths"\n', 'task = "maths" does not exist: did you mean math'),
    ],
)
def test_a_wrong_benchmark_file_is_one_line(content: str | None, part: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=part) as refused:
        load_benchmark(str(path))
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
