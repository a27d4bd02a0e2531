"""The files in deploy/: well formed, and what they start is a run that fits the machines they ask for."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import typer.main
import yaml

from or1.assemble.obstacles import Machine, too_large
from or1.cli.app import app
from or1.cluster.demand import demand_of
from or1.cluster.health import HEALTH
from or1.cluster.nodes import Node, place
from or1.config import RunConfig
from or1.memory import GIB, PUBLISHED
from or1.recipes.request import TrainRequest
from or1_verify.sandbox import detect
from tests.arch.source import ROOT

DEPLOY = ROOT / "deploy"
MACHINES = [
    Node(id=str(n), address=f"10.0.0.{n}", name=f"gpu{n}", num_cpus=64, num_gpus=8) for n in range(1, 5)
]
STUB = """#!/bin/bash
echo "$(basename "$0") $*" >> "$RECORD"
case "$*" in "show hostnames"*) printf 'gpu1\\ngpu2\\n';; *hostname*) echo 10.0.0.1;; esac
"""


def dry_run(script: str, folder: Path, variables: dict[str, str]) -> list[list[str]]:
    """Run a script with commands that only record their words."""
    stubs, record = folder / "stubs", folder / "record"
    stubs.mkdir()
    for name in ("srun", "scontrol", "ray", "or1", "sleep"):
        (stubs / name).write_text(STUB)
        (stubs / name).chmod(0o755)
    activate = folder / "or1-env" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    environment = {"PATH": f"{stubs}:{os.environ['PATH']}", "RECORD": str(record), "HOME": str(folder)}
    done = subprocess.run(
        ["bash", "-c", f"{script}\nwait"],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [shlex.split(line) for line in record.read_text().splitlines()]


def request_of(words: Sequence[str]) -> tuple[RunConfig, str]:
    """The settings of an `or1 train` command, and its --cluster."""
    assert words[:2] == ["or1", "train"]
    command: Any = typer.main.get_command(app)
    given = command.commands["train"].make_context("train", list(words[2:])).params
    sets = [*given["sets"], "system.backend=fsdp", f"system.num_ranks={given['ranks']}"]
    return TrainRequest.of(given["recipe"], sets=sets, out=given["out"]).run, given["cluster"]


def require_fit(words: Sequence[str]) -> None:
    """The command trains on the four machines, and uses each GPU."""
    run, cluster = request_of(words)
    assert re.fullmatch(r"10\.0\.0\.1:\d+", cluster)
    found = place(MACHINES, demand_of(run, MACHINES))
    assert len(found.ranks) + len(found.engines) == 32
    assert run.rollout.engine == "vllm"
    plenty = Machine(
        free_memory_bytes=900 * GIB,
        num_gpus=32,
        free_gpu_bytes=79 * GIB,
        free_disk_bytes=2_000 * GIB,
        has_bfloat16=True,
        sandbox=detect,
    )
    on_gpus = run.model_copy(update={"system": run.system.model_copy(update={"device": "cuda"})})
    assert list(too_large(on_gpus, plenty, PUBLISHED[run.model.path], torch.device("cuda"))) == []


def is_head(words: Sequence[str]) -> bool:
    return words[0] == "srun" and "--head" in words


def documents(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text())
    return content


def test_slurm_starts_one_ray_a_machine_and_the_driver_on_the_first(tmp_path: Path) -> None:
    script = (DEPLOY / "slurm" / "train.sbatch").read_text()
    variables = {"SLURM_JOB_NODELIST": "gpu[1-4]", "SLURM_JOB_NUM_NODES": "4", "SLURM_CPUS_PER_TASK": "64"}
    calls = dry_run(script, tmp_path, variables)
    assert calls.index(["ray", "get-auth-token", "--generate"]) < calls.index(next(filter(is_head, calls)))
    starts = [call for call in calls if call[0] == "srun" and "ray" in call]
    assert sorted("--head" in call for call in starts) == [False, True]
    assert any("--nodes=3" in call and "--exclude=gpu1" in call for call in starts)
    (driver,) = [call for call in calls if call[0] == "or1"]
    require_fit(driver)
    assert "system.cluster.num_machines=4" in driver


@pytest.mark.parametrize("rank", [0, 3])
def test_skypilot_starts_the_driver_on_the_first_machine_alone(tmp_path: Path, rank: int) -> None:
    task = documents("skypilot/train.yaml")
    variables = {name: str(value) for name, value in task["envs"].items()} | {
        "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2\n10.0.0.3\n10.0.0.4",
        "SKYPILOT_NODE_RANK": str(rank),
        "SKYPILOT_NUM_NODES": "4",
    }
    calls = dry_run(task["run"], tmp_path, variables)
    assert (task["num_nodes"], task["resources"]["accelerators"]) == (4, "H100:8")
    drivers = [call for call in calls if call[0] == "or1"]
    assert len(drivers) == (1 if rank == 0 else 0)
    for driver in drivers:
        require_fit(driver)
    assert ["ray", "start", f"--address=10.0.0.1:{task['envs']['PORT']}", "--block"] in calls or rank == 0


def test_kuberay_asks_for_the_machines_of_its_run(tmp_path: Path) -> None:
    job = documents("kuberay/rayjob.yaml")["spec"]
    stub = "hostname() { echo 10.0.0.1; }; export -f hostname; "
    (driver,) = dry_run(stub + job["entrypoint"], tmp_path, {})
    require_fit(driver)
    cluster = documents("kuberay/raycluster.yaml")["spec"]
    for spec in (job["rayClusterSpec"], cluster):
        groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
        assert 1 + sum(group["replicas"] for group in groups[1:]) == len(MACHINES)
        for group in groups:
            (container,) = group["template"]["spec"]["containers"]
            assert container["resources"]["limits"]["nvidia.com/gpu"] == "8"
            mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert mounts == {"/shared", "/dev/shm"}
            names = {each["name"] for each in container["env"]}
            assert {f"RAY_{name}" for name in HEALTH} <= names


@pytest.mark.parametrize("name", ["slurm/train.sbatch", "skypilot/train.yaml"])
def test_a_head_gets_every_health_value_before_it_starts(name: str) -> None:
    script = (DEPLOY / name).read_text()
    before = script[: script.index("ray start --head")]
    assert all(f"RAY_{value}=" in before for value in HEALTH)


@pytest.mark.parametrize("path", ["Dockerfile", "Dockerfile.cuda"])
def test_images_copy_files_that_exist_and_show_commands_that_or1_takes(path: str) -> None:
    text = (DEPLOY / path).read_text()
    for sources in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        assert all((ROOT / source).exists() for source in sources.split()), sources
    for words in re.findall(r"^# docker run .*?or1:(?:cpu|cuda or1) (train .*)$", text, re.MULTILINE):
        command: Any = typer.main.get_command(app)
        given = command.commands["train"].make_context("train", shlex.split(words)[1:]).params
        TrainRequest.of(given["recipe"], sets=given["sets"] or [])
    assert re.search(r"^# docker run .*train", text, re.MULTILINE)
