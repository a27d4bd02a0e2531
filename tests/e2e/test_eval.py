"""`or1 eval` as a user meets it: with the built-in model, with a server, and with mistakes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from or1.cli import dispatch
from or1.cli.app import guarded
from or1.evals.results import RESPONSES, RESULTS, ResponseRow, ResultRow, read
from or1.testing import SERVED_MODEL, ChatReply, ChatRequest, ChatServer
from or1_verify.code.sandboxes import close_all

# the deterministic engine compiles nothing first
QUICK = ("--set", "system.deterministic=true", "--set", "system.threads=1")
DATA = Path(__file__).parents[2] / "../shared/data"


@pytest.fixture(scope="module", autouse=True)
def _sandboxes_end() -> Iterator[None]:
    yield
    close_all()


def run(*words: str) -> None:
    assert guarded(lambda: dispatch([*words])) == 0


def refuse(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run the command line in this process; return its one line."""
    capsys.readouterr()  # progress of the commands before
    assert guarded(lambda: dispatch([*words])) == 2
    line = capsys.readouterr().err
    assert line.startswith("or1: ")
    assert line.count("\n") == 1
    return line


def test_the_built_in_model_scored_scored_again_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["eval", "run", "builtin:tiny", "--benchmark", "arithmetic", "--samples", "2"]
    words += ["--set", "num_problems=6", "--set", "max_response_tokens=100", *QUICK]
    first, second = tmp_path / "first", tmp_path / "second"
    run(*words, "--out", str(first))
    shown = capsys.readouterr().out
    assert re.search(r"arithmetic +all +6 +avg@2 +\d+\.\d", shown)
    assert "temperature 0.6, top-p 1, 100 tokens, seed 1; local" in shown
    results = (first / RESULTS).read_bytes()
    run("eval", "rescore", str(first))
    assert [r.reward for r in read(first / RESULTS, ResultRow)] == [
        json.loads(line)["reward"] for line in results.splitlines()
    ]
    run(*words, "--out", str(second), "--set", "seed=2")
    capsys.readouterr()
    run("eval", "compare", str(first), str(second))
    shown = capsys.readouterr().out
    assert re.search(r"arithmetic +6 ", shown)
    assert "settings differ: sampling.seed, seed" in shown


def test_benchmarks_are_judged_by_a_reward_of_your_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reward counts every second response as correct: no verifier of or1 would."""
    (tmp_path / "own.py").write_text("def reward(response, gold, problem):\n    return len(response) % 2\n")
    monkeypatch.chdir(tmp_path)
    words = ["eval", "run", "builtin:tiny", "--benchmark", "arithmetic", "--task", "own.py:reward"]
    words += ["--set", "num_problems=6", "--set", "max_response_tokens=100", *QUICK, "--out", "scores"]
    run(*words)
    rows = list(read(tmp_path / "scores" / RESULTS, ResultRow))
    texts = {(r.problem, r.sample): r for r in read(tmp_path / "scores" / RESPONSES, ResponseRow)}
    for row in rows:
        response = texts[row.problem, row.sample]
        if response.finish == "stop":
            assert row.reward == len(response.text) % 2
    (tmp_path / "own.py").write_text("def reward(response, gold, problem):\n    return 0.5\n")
    assert "task_hash" in refuse(capsys, *words)
    run("eval", "rescore", "scores")
    judged = [r.reward for r in read(tmp_path / "scores" / RESULTS, ResultRow) if r.finish == "stop"]
    assert judged == [0.5] * len(judged)


def solve(request: ChatRequest) -> ChatReply:
    """A program that is right for one of the two problems."""
    return ChatReply(text="```python\nprint(int(input()) + 1)\n```")


def test_programs_from_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {
            "question_id": name,
            "question_content": f"Print {name}.",
            "contest_date": "2025-01-01",
            "difficulty": difficulty,
            "starter_code": "",
            "public_test_cases": json.dumps([{"input": "1", "output": output, "testtype": "stdin"}]),
            "private_test_cases": "[]",
            "metadata": "{}",
        }
        for name, difficulty, output in (("a", "easy", "2"), ("b", "hard", "3"))
    ]
    file = tmp_path / "test.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with ChatServer(solve) as server:
        words = [
            "eval",
            "run",
            SERVED_MODEL,
            "--url",
            server.url,
            "--benchmark",
            "livecodebench-v5",
            "--samples",
            "2",
        ]
        run(*words, "--data", str(file), "--out", str(tmp_path / "out"), "--allow-weak-sandbox")
    shown = capsys.readouterr().out
    assert [re.search(rf"{part} +\d +avg@2 +(\S+)", shown)[1] for part in ("all", "easy", "hard")] == [  # type: ignore[index]
        *("50.0", "100.0", "0.0")
    ]
    assert "livecodebench-v5: 2 problems; the whole benchmark has 279." in shown
    assert {r.answer for r in read(tmp_path / "out" / RESULTS, ResultRow)} == {"print(int(input()) + 1)"}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["run", "m", "--benchmark", "aime23"], ["aime23", "did you mean aime2"]),
        (["run", "m"], ["--benchmark", "See or1 eval run --help"]),
        (
            ["run", "m", "--benchmark", "aime24", "--benchmark", "aime25", "--data", "x.jsonl"],
            ["name one benchmark"],
        ),
        (
            ["run", "m", "--benchmark", "aime24", "--data", "nowhere.jsonl"],
            ["nowhere.jsonl", "does not exist"],
        ),
        (["run", "m", "--benchmark", "aime24", "--protocol", "referenced"], ["did you mean reference?"]),
        (["run", "m", "--benchmark", "aime24", "--set", "top_q=1"], ["top_q", "top_p"]),
        (["run", "m", "--benchmark", "arithmetic", "--set", "temperature=-1"], ["temperature", "at least 0"]),
        (["run", "m", "n", "--benchmark", "arithmetic"], ["unexpected extra argument", "(n)"]),
        (["run", "--benchmark", "aime24"], ["Missing argument 'model'", "See or1 eval run --help"]),
        (
            ["run", "m", "--benchmark", "aime24", "--url", "localhost:1"],
            ["localhost:1", "http://127.0.0.1:8000/v1"],
        ),
        (["run", "nowhere", "--benchmark", "arithmetic"], ["nowhere"]),
        (["compare", "nowhere"], ["two evaluation folders"]),
        (["compare", "here", "there"], ["here is not an evaluation"]),
        (["compare", "here", "there", "--out", "x"], ["--out", "See or1 eval compare --help"]),
        (["rescore", "nowhere"], ["nowhere is not an evaluation"]),
        (["rescore"], ["Missing argument 'folder'", "See or1 eval rescore --help"]),
        (["rescore", "here", "--benchmark", "aime24"], ["--benchmark", "See or1 eval rescore --help"]),
        (["import", "x.json"], ["--benchmark"]),
        (["import", "x.json", "--benchmark", "livecodebench-v5"], ["x.json does not exist"]),
        (["some/model", "--benchmark", "aime24"], ["some/model", "See or1 eval --help"]),
    ],
)
def test_mistakes_are_one_line_before_any_work(
    words: list[str],
    parts: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refuse(capsys, "eval", *words)
    assert all(part in line for part in parts), line
    assert list(tmp_path.iterdir()) == []


def test_the_list_names_benchmarks_and_protocols(capsys: pytest.CaptureFixture[str]) -> None:
    run("eval", "list")
    shown = capsys.readouterr().out
    assert "livecodebench-v5" in shown
    assert "critique-votes" in shown


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data, which is not part of the project")
def test_published_scores_beside_imported_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = DATA / "code/lcb_o1_mini_verdicts.json", tmp_path / "out"
    run("eval", "import", str(file), "--benchmark", "livecodebench-v5", "--out", str(out))
    run("eval", "compare", str(out), "published")
    shown = capsys.readouterr().out
    assert re.search(r"livecodebench-v5 +easy +.*ours\) +91\.0", shown)
    assert re.search(r"livecodebench-v5 +easy +o1-mini +91\.0", shown)


def test_a_run_is_scored_on_benchmarks_at_two_temperatures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = "{max_response_tokens=48, num_steps=1, num_problems=2, group_size=2}"
    sets = [f"stages=[{stage}]", "evaluation.data=[]", 'evaluation.benchmarks=["arithmetic"]']
    sets += ["evaluation.num_problems=4", "evaluation.samples_per_problem=2", "evaluation.temperature=0.6"]
    sets += ["evaluation.more_temperatures=[1.0]", "tracking.tensorboard=false"]
    words = [word for setting in sets for word in ("--set", setting)]
    run("train", "tiny", "--out", str(tmp_path / "run"), *words, *QUICK)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    for area in ("eval", "eval_t1"):
        scores = [row for row in rows if f"{area}/avg_at_k" in row]
        assert [row["step"] for row in scores] == [0, 1]
        sources = [key for key in scores[0] if key.startswith(f"{area}/response_tokens_mean/arithmetic-")]
        assert len(sources) >= 2
        assert scores[0][f"{area}/num_problems"] == 4
    assert "at temperature 1 " in capsys.readouterr().out
