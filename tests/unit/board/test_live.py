"""The live page: it follows the files, resets with them, answers this machine alone, reads no path."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from or1.board.live import LiveRuns, LiveServer
from or1.board.report_data import report_data
from or1.board.report_rollouts import run_rollouts
from or1.cli.app import dispatch, guarded
from or1.storage.jsonl import encode
from tests.histories import first_steps, real, with_settings, with_values, write_folder
from tests.runs import play, run_config

OWN = "127.0.0.1:{port}"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(first_steps(real(0), 30), tmp_path / "run")


@pytest.fixture
def server(folder: Path) -> Iterator[LiveServer]:
    with LiveServer([folder], 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(
    server: LiveServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, str, dict[str, str]]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request(method, path, headers=headers)
    reply = connection.getresponse()
    found = reply.status, reply.read().decode(), dict(reply.getheaders())
    connection.close()
    return found


def continued(page: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    """What the page does with a reply; assets/live.js has the same in JavaScript."""
    if reply["first"] is None:
        return dict(reply["data"])
    runs = []
    for old, run, first in zip(page["runs"], reply["data"]["runs"], reply["first"], strict=True):
        series = {
            key: [*(old["series"][key][:first] if key in old["series"] else [None] * first), *tail]
            for key, tail in run["series"].items()
        }
        runs.append({**run, "steps": [*old["steps"][:first], *run["steps"]], "series": series})
    return {**reply["data"], "runs": runs}


def test_a_page_that_follows_has_the_data_of_a_page_that_is_made_anew(folder: Path) -> None:
    run, live = real(0), LiveRuns([folder])
    page, token, num_sent = report_data([folder]), live.token(), []
    for num_steps in (30, 31, 31, 40, 41, 97):
        write_folder(first_steps(run, num_steps), folder)
        reply = live.since(token)
        if reply is not None:
            page, token = continued(page, reply), reply["token"]
            assert reply["first"] is not None
            num_sent.append(len(reply["data"]["runs"][0]["steps"]))
        assert page == json.loads(json.dumps(report_data([folder])))
    assert num_sent == [3, 11, 3, 58]  # the new steps, and two that are sent again


def test_seconds_that_are_written_after_the_metrics_are_not_lost(folder: Path) -> None:
    run, live = real(0), LiveRuns([folder])
    late = first_steps(run, 31)
    page, token = report_data([folder]), live.token()
    for timings in (late.timings[:-1], late.timings):
        write_folder(replace(late, timings=timings), folder)
        reply = live.since(token)
        assert reply is not None
        page, token = continued(page, reply), reply["token"]
    assert page["runs"][0]["series"]["time/rollout_s"][-1] == late.timings[-1]["time/rollout_s"]


def test_a_reply_is_made_from_one_reading_of_the_logs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of a reply are those of its token, also if the logs are cut once they have been read."""
    live = LiveRuns([folder])
    token = live.token()
    write_folder(first_steps(real(0), 40), folder)

    def cut_first(*args: Any) -> dict[str, Any]:
        cut_back(folder)
        return report_data(*args)

    monkeypatch.setattr("or1.board.live.report_data", cut_first)
    reply = live.since(token)
    assert reply is not None
    assert reply["data"]["runs"][0]["steps"] == list(range(29, 41))
    assert len(reply["data"]["runs"][0]["series"]["rollout/reward_mean"]) == 12


def test_half_a_row_is_no_row(folder: Path) -> None:
    live = LiveRuns([folder])
    token = live.token()
    with (folder / "metrics.jsonl").open("ab") as file:
        file.write(encode(real(0).steps[30])[:-9])
    assert live.since(token) is None


def cut_back(folder: Path) -> None:
    """A resume from step 20, before its first step."""
    write_folder(first_steps(real(0), 20), folder)


def other_rows(folder: Path) -> None:
    """A resume from step 20 with other settings, which is already beyond the step that the page has."""
    other = with_settings(first_steps(real(0), 40), {"optimizer.learning_rate": 1e-4})
    write_folder(with_values(other, lambda n: {"rollout/reward_mean": 0.5}, last=20), folder)


def other_seconds(folder: Path) -> None:
    """A resume from step 20 with the same settings: other seconds."""
    run = first_steps(real(0), 40)
    write_folder(replace(run, timings=[row | {"time/step_s": 1.0} for row in run.timings]), folder)


@pytest.mark.parametrize("restart", [cut_back, other_rows, other_seconds])
def test_a_restart_of_the_run_resets_the_page(restart: Any, folder: Path) -> None:
    live, page = LiveRuns([folder]), report_data([folder])
    token = live.token()
    restart(folder)
    reply = live.since(token)
    assert reply is not None
    assert reply["first"] is None
    assert continued(page, reply) == report_data([folder])


def test_a_real_restart_resets_the_page(tmp_path: Path) -> None:
    play(tmp_path, dies_after=5)
    live = LiveRuns([tmp_path])
    token = live.token()
    play(tmp_path, run_config(entropy={"target": 0.1}), accept_changes=True, dies_after=6)
    reply = live.since(token)
    assert reply is not None
    assert reply["first"] is None
    assert reply["data"]["runs"][0]["steps"] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "token", ["", "x", "0-0-" + "0" * 32, "999-999-" + "a" * 32, "1-1-" + "0" * 32 + ".2"]
)
def test_an_unknown_state_gets_everything(token: str, folder: Path) -> None:
    reply = LiveRuns([folder]).since(token)
    assert reply is not None
    assert reply["first"] is None


def test_two_runs_are_followed_apart(folder: Path, tmp_path: Path) -> None:
    other = write_folder(first_steps(real(1), 12), tmp_path / "other")
    live = LiveRuns([folder, other])
    page, token = report_data([folder, other]), live.token()
    write_folder(first_steps(real(1), 14), other)
    reply = live.since(token)
    assert reply is not None
    assert reply["first"] == [28, 10]
    assert continued(page, reply) == report_data([folder, other])


def test_page_and_data_over_http(server: LiveServer, folder: Path) -> None:
    status, text, headers = get(server, "/")
    assert status == 200
    assert "connect-src 'self'" in text
    assert headers["X-Content-Type-Options"] == "nosniff"
    status, text, headers = get(server, "/data?since=")
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    token = json.loads(text)["token"]
    assert get(server, f"/data?since={token}")[:2] == (204, "")
    write_folder(first_steps(real(0), 31), folder)
    assert json.loads(get(server, f"/data?since={token}")[1])["first"] == [28]


def test_rollouts_of_a_run_as_of_now(folder: Path, server: LiveServer) -> None:
    assert json.loads(get(server, "/rollouts?run=0")[1])["total"] == 0
    play(folder.parent / "other")
    shutil.copytree(folder.parent / "other" / "rollouts", folder / "rollouts", dirs_exist_ok=True)
    status, text, headers = get(server, "/rollouts?run=0")
    assert (status, json.loads(text)) == (200, json.loads(json.dumps(run_rollouts(folder))))
    assert json.loads(text)["total"] == 120
    assert headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("run", ["1", "-1", "00", "x", "", "../config.json", "0%00", "%2e%2e/run"])
def test_rollouts_of_no_run(run: str, server: LiveServer) -> None:
    assert get(server, f"/rollouts?run={run}")[:2] == (404, "")


def test_it_listens_on_the_loopback_address_alone(server: LiveServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "[::1]:{port}"]
)
@pytest.mark.parametrize("path", ["/", "/data?since="])
def test_another_host_gets_nothing(host: str, path: str, server: LiveServer) -> None:
    status, text, _ = get(server, path, Host=host.format(port=server.server_port))
    assert status == 403
    assert "rollout" not in text


@pytest.mark.parametrize(
    "hosts", [[], ["127.0.0.1:{port}", "evil.example"], ["evil.example", "127.0.0.1:{port}"]]
)
def test_no_host_and_two_hosts_get_nothing(hosts: list[str], server: LiveServer) -> None:
    lines = [
        "GET /data?since= HTTP/1.1",
        *(f"Host: {host.format(port=server.server_port)}" for host in hosts),
    ]
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.makefile().readline().split()[1] == "403"


def test_the_name_localhost_is_this_machine(server: LiveServer) -> None:
    assert get(server, "/", Host=f"localhost:{server.server_port}")[0] == 200


PATHS = [
    "/config.json",
    "/metrics.jsonl",
    "/../run/config.json",
    "/%2e%2e/run/config.json",
    "//etc/passwd",
    "/data/../config.json",
    "/data/config.json",
    "/rollouts/step_000001.parquet",
    "/rollouts/../config.json",
    "/data;/etc/passwd",
    "http://127.0.0.1/data",
    "file:///etc/passwd",
    "*",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_reads_a_file(path: str, server: LiveServer) -> None:
    status, text, _ = get(server, path, Host=OWN.format(port=server.server_port))
    assert (status, text) == (404, "only /, /data and /rollouts")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(st.sampled_from("/.%2eEdata\\?;config.json~"), max_size=12))
def test_nor_does_any_other(path: str, server: LiveServer) -> None:
    status, text, _ = get(server, f"/{path}")
    if status == 200:
        assert path.lstrip("/").split("?")[0] in ("", "data")
    else:
        assert text == "only /, /data and /rollouts"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_it_only_reads(method: str, server: LiveServer, folder: Path) -> None:
    before = contents(folder)
    assert get(server, "/", method)[0] == 501
    get(server, "/")
    get(server, "/data")
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_texts_of_a_run_are_never_html(folder: Path, server: LiveServer) -> None:
    write_folder(with_settings(first_steps(real(0), 30), {"name": HOSTILE}), folder)
    _, text, _ = get(server, "/")
    assert HOSTILE not in text
    assert "<img" not in text
    _, text, headers = get(server, "/data")
    assert json.loads(text)["data"]["runs"][0]["name"] == HOSTILE
    assert headers["Content-Type"].startswith("application/json")


def test_a_folder_that_is_being_replaced_is_tried_again(folder: Path, server: LiveServer) -> None:
    config = (folder / "config.json").read_text()
    (folder / "config.json").unlink()
    assert get(server, "/data?since=")[0] == 503
    (folder / "config.json").write_text(config)
    assert get(server, "/data?since=")[0] == 200


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--live", "--out", "x.html"], "--live serves a page"),
        (["--port", "8000"], "--live serves a page"),
        (["--live", "--port", "{port}"], "Address already in use: choose another port"),
    ],
)
def test_options_that_cannot_be(
    words: list[str], line: str, folder: Path, server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = [word.format(port=server.server_port) for word in words]
    assert guarded(lambda: dispatch(["report", str(folder), *chosen])) == 2
    assert line in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: dispatch(["report", str(tmp_path), "--live", "--port", "0"])) == 2
    assert "is not a run folder" in capsys.readouterr().err
