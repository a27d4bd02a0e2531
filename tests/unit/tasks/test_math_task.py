"""Problems from files: every layout that is read, every mistake in one clear line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from or1.errors import DataError
from or1.tasks.math import MathTask
from or1.tasks.prompts import with_instruction
from or1.testing.hub import FolderHub
from or1.types import Gold, Message
from or1_verify.golds import GoldCheck
from or1_verify.math import MathVerifier

DATA = Path(__file__).parents[3] / "../shared/data"
needs_data = pytest.mark.skipif(
    not DATA.exists(), reason="needs ../shared/data, which is not part of the project"
)


def write(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def golds(path: Path) -> list[Gold]:
    return [problem.gold for problem in MathTask(str(path)).problems()]


@pytest.mark.parametrize(
    ("row", "gold"),
    [
        ({"question": "?", "answer": "48/2 = <<48/2=24>>24\n#### 72"}, "72"),
        ({"question": "?", "answer": "#### 1,234"}, "1,234"),
        ({"problem": "?", "answer": r"\frac{1}{2}"}, r"\frac{1}{2}"),
        ({"problem": "?", "solution": r"First \boxed{1}, then \boxed{\frac{1}{2}}."}, r"\frac{1}{2}"),
        ({"problem": "?", "answer": 142.0}, "142"),
        ({"problem": "?", "answer": 0.5}, "0.5"),
        ({"problem": "?", "answer": 7}, "7"),
        ({"problem": "?", "gold": ["7", "seven"], "answer": "no"}, ["7", "seven"]),
        ({"problem": "?", "gold": {"type": "set", "value": "1,2"}}, {"type": "set", "value": "1,2"}),
        ({"prompt": "?", "reward_model": {"ground_truth": '["5"]', "style": "rule"}}, "5"),
        ({"prompt": "?", "reward_model": {"ground_truth": '["5", "five"]'}}, ["5", "five"]),
        ({"prompt": "?", "reward_model": {"ground_truth": "025"}}, "025"),
        # an interval is JSON too, but it is one answer and not a choice of 1 or 2
        ({"problem": "?", "answer": "[1,2]"}, "[1,2]"),
        ({"problem": "?", "answer": "", "solution": r"\boxed{3}"}, "3"),
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
def test_answers_in_every_layout(tmp_path: Path, row: dict[str, Any], gold: Gold, suffix: str) -> None:
    assert golds(write(tmp_path / f"rows{suffix}", row)) == [gold]


def test_chat_prompts_keep_their_turns_and_the_instruction_goes_to_the_last(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}]
    path = write(tmp_path / "rows.jsonl", {"prompt": turns, "answer": "2"})
    (problem,) = MathTask(str(path), instruction="Box it.").problems()
    assert problem.prompt == (Message("system", "Be brief."), Message("user", "1+1?\nBox it."))
    assert problem.task == "math"


def test_an_instruction_is_not_added_twice() -> None:
    once = with_instruction("1+1?", "Box it.")
    assert once == "1+1?\nBox it."
    assert with_instruction(once, "Box it.") == once
    assert with_instruction(" 1+1? ", "") == " 1+1?"


def test_the_source_is_named_by_the_row_or_by_the_folder(tmp_path: Path) -> None:
    rows = [{"question": "a", "answer": "1"}, {"question": "b", "answer": "2", "data_source": "aime"}]
    path = write(tmp_path / "gsm8k" / "train.jsonl", *rows)
    assert [problem.source for problem in MathTask(str(path)).problems()] == ["gsm8k", "aime"]


def test_only_so_many_rows_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", {"question": "a", "answer": "1"}, {"question": "b", "answer": "2"})
    path.write_text(path.read_text() + "not even JSON\n")
    assert len(MathTask(str(path), num_problems=2).problems()) == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "?"}', r"rows\.jsonl line 2: no answer: give it as gold, .*the row has question\)"),
        ('{"question": "?", "answer": ""}', "line 2: no answer"),
        ('{"question": "?", "answer": null}', "line 2: no answer"),
        ('{"question": "?", "answer": true}', "line 2: no answer"),
        ('{"question": "?", "answer": "####"}', "line 2: no answer"),
        ('{"question": "?", "solution": "It is 5."}', "line 2: no answer"),
        ('{"question": "?", "answer": "so \\\\boxed{5} or \\\\boxed{"}', "line 2: no answer"),
        (
            '{"answer": "5"}',
            r"line 2: no question: give it as problem, question, prompt \(the row has answer\)",
        ),
        ('{"question": " ", "answer": "5"}', "line 2: no question"),
        ('{"prompt": [], "answer": "5"}', "line 2: no question"),
        ('{"prompt": ["hi"], "answer": "5"}', "line 2: each message of a chat prompt needs a role"),
        ('{"prompt": [{"role": "assistant", "content": "hi"}], "answer": "5"}', "ends with role assistant"),
        ("{broken", "line 2: not JSON"),
        ("[" * 100_000, "line 2: nested too deeply"),
        (
            '{"question": "?", "answer": ' + "9" * 5000 + "}",
            "line 2: cannot be read .* write the number as text",
        ),
        ('{"question": "half \\ud83d", "answer": "5"}', "line 2: half a character"),
        ('{"question": "?", "answer": NaN}', "line 2: no answer"),
        ("[1, 2]", "line 2: a list where an object"),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "?", "answer": "1"}\n' + line + "\n")
    with pytest.raises(DataError, match=message) as caught:
        MathTask(str(path)).problems()
    assert "\n" not in str(caught.value)


def test_a_file_may_begin_with_a_mark_and_hold_escaped_characters(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "\\ud83d\\ude00?", "answer": "1"}\r\n', encoding="utf-8-sig", newline="")
    (problem,) = MathTask(str(path)).problems()
    assert problem.prompt[0].content.startswith("\N{GRINNING FACE}?")


def test_a_bad_file_is_one_clear_line(tmp_path: Path) -> None:
    def refusal(path: Path) -> str:
        with pytest.raises(DataError) as caught:
            MathTask(str(path)).problems()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "blank.jsonl").write_text("\n\n")
    (tmp_path / "table.xlsx").write_text("a,b\n")
    (tmp_path / "no.parquet").write_text("not parquet")
    (tmp_path / "object.json").write_text("{}")
    (tmp_path / "latin.jsonl").write_bytes(b'{"question": "caf\xe9"}\n')
    assert "does not exist: check data.path" in refusal(tmp_path / "missing.jsonl")
    assert "is a folder and no data set of or1 curate: name one file" in refusal(tmp_path)
    assert "holds no problems" in refusal(tmp_path / "empty.jsonl")
    assert "holds no problems" in refusal(tmp_path / "blank.jsonl")
    assert "convert it to one of .jsonl, .json, .parquet" in refusal(tmp_path / "table.xlsx")
    assert "is not a parquet file" in refusal(tmp_path / "no.parquet")
    assert "holds no list" in refusal(tmp_path / "object.json")
    assert "is not UTF-8 text" in refusal(tmp_path / "latin.jsonl")


def test_a_file_on_the_hub(tmp_path: Path) -> None:
    write(tmp_path / "owner/name/sub/rows.jsonl", {"question": "?", "answer": "5"})
    (problem,) = MathTask("hf://owner/name/sub/rows.jsonl", hub=FolderHub(tmp_path)).problems()
    assert problem.gold == "5"
    with pytest.raises(DataError, match="names no file"):
        MathTask("hf://owner/name.jsonl", hub=FolderHub(tmp_path)).problems()


def test_a_data_set_by_name_reads_all_files_of_its_split(tmp_path: Path) -> None:
    for number in (0, 1):
        name = f"owner/name/main/train-0000{number}-of-00002.parquet"
        write(tmp_path / name, {"question": f"q{number}", "answer": str(number)})
    write(tmp_path / "owner/name/socratic/train.jsonl", {"question": "?", "answer": "no"})
    hub = FolderHub(tmp_path)
    assert [p.gold for p in MathTask("owner/name", hub=hub).problems()] == ["0", "1"]
    write(tmp_path / "owner/two/a/test.jsonl", {"question": "?", "answer": "a"})
    write(tmp_path / "owner/two/b/test.jsonl", {"question": "?", "answer": "b"})
    with pytest.raises(DataError, match=r"several heldout parts: .* hf://owner/two/a/test\.jsonl, hf://"):
        MathTask("owner/two", "heldout", hub=hub).problems()
    write(tmp_path / "owner/three/data/test-00000-of-00001.parquet", {"question": "?", "answer": "3"})
    assert [p.gold for p in MathTask("owner/three", "heldout", hub=hub).problems()] == ["3"]


def test_a_data_set_without_the_split_says_what_to_write(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        write(tmp_path / "owner/none" / name)
    with pytest.raises(DataError, match=r"has no heldout file: set data\.path to one of hf://owner/none/a"):
        MathTask("owner/none", "heldout", hub=FolderHub(tmp_path)).problems()


def test_validate_tells_sound_golds_from_broken_ones(tmp_path: Path) -> None:
    rows = [{"question": "a", "answer": r"\frac{1}{2}"}, {"question": "b", "answer": r"\frac{}{3b}"}]
    problems = MathTask(str(write(tmp_path / "rows.jsonl", *rows))).problems()
    check = GoldCheck(MathVerifier())
    assert [check.judge(problem, "").reason for problem in problems] == ["right", "bad_gold"]


@needs_data
@pytest.mark.parametrize(
    ("file", "num", "first", "last"),
    [
        ("gsm8k/train.jsonl", 7473, "72", "50"),
        ("gsm8k/test.jsonl", 1319, "18", "14"),
        ("math/math500.json", 500, r"\left( 3, \frac{\pi}{2} \right)", r"106^\circ"),
        ("math/amc83.json", 83, "142", "8"),
        ("math/hmmt_feb_2025.jsonl", 30, "103", r"\sqrt{\frac{95}{24}}"),
    ],
)
def test_real_files(file: str, num: int, first: str, last: str) -> None:
    problems = MathTask(str(DATA / file)).problems()
    assert (len(problems), problems[0].gold, problems[-1].gold) == (num, first, last)


@needs_data
def test_every_aime_gold_verifies_in_every_way_of_writing_it() -> None:
    """Seven golds start with a zero, one is in degrees: each way of writing each of the 60 is right."""
    verifier = MathVerifier()
    problems = [
        p for year in (24, 25) for p in MathTask(str(DATA / f"skywork-or1/aime{year}.parquet")).problems()
    ]
    assert len(problems) == 60
    assert sum(str(p.gold).startswith("0") for p in problems) == 7
    for problem in problems:
        value = int(str(problem.gold).removesuffix(r"^\circ"))
        for answer in (problem.gold, value, f"{value:03}", f"{value}.0", rf"{value}^\circ", f"${value}$."):
            verdict = verifier.decide(problem, str(answer))
            assert verdict is not None, (problem.gold, answer)
            assert verdict.reward == 1.0, (problem.gold, answer)
        wrong = verifier.decide(problem, str(value + 1))
        assert wrong is not None
        assert wrong.reward == 0.0
