"""Which verifiers a run gets from its settings, and where it is refused."""

from __future__ import annotations

import pytest

from or1 import assemble, recipes
from or1.config import RunConfig
from or1.curate.batches import check_answers
from or1.curate.config import VerifiableConfig
from or1.errors import ConfigError, SandboxError
from or1.evals.settings import EvalRunConfig
from or1.tasks.kind import VerifierSettings
from or1.tasks.registry import TASKS, verifiers_of
from or1.types import Answer, Message, Problem, Verdict
from or1_verify.base import Verifier
from or1_verify.code import CodeVerifier
from or1_verify.code.fusion import SandboxFusionVerifier
from or1_verify.math import MathVerifier
from or1_verify.sandbox import Capabilities, Lack, Level

LACKS = (Lack(Level.CGROUP, "no", "be root"), Lack(Level.LANDLOCK, "no landlock", "use Linux 5.13"))


def test_training_is_refused_where_the_sandbox_is_weak() -> None:
    with pytest.raises(ConfigError, match=r"level 2 here, too weak for training: use Linux 5\.13"):
        assemble.refuse_weak(Capabilities(Level.SECCOMP, LACKS), allow_weak=False)
    assemble.refuse_weak(Capabilities(Level.SECCOMP, LACKS), allow_weak=True)
    assemble.refuse_weak(Capabilities(Level.LANDLOCK, LACKS[:1]), allow_weak=False)
    with pytest.raises(SandboxError, match="no landlock"):
        assemble.refuse_weak(Capabilities(None, LACKS), allow_weak=True)


class DecidesSeven(Verifier):
    """Decides at once, so that its opinion is there when `judge` ends."""

    def decide(self, problem: Problem, answer: str) -> Verdict:
        return Verdict.right() if answer == "7" else Verdict.wrong("wrong_value")

    def compute(self, problem: Problem, answer: str) -> Verdict:
        raise AssertionError("decided before")


def test_training_has_the_second_verifiers_that_it_is_given() -> None:
    run = recipes.load("tiny", ["verify.second_opinion_fraction=1", "verify.num_workers=1"])
    problem = Problem.make("math", (Message("user", "3 + 4?"),), "7")
    verifiers = verifiers_of([TASKS["math"]])
    with assemble.training_pool(run, verifiers, {"math": DecidesSeven()}) as pool:
        list(pool.judge([Answer(problem=problem, index=0, text="It is \\boxed{7}")]))
        assert pool.events["second_agreed"] == 1
    with assemble.training_pool(run, verifiers, {}) as pool:
        list(pool.judge([Answer(problem=problem, index=0, text="It is \\boxed{7}")]))
        assert pool.events["second_agreed"] == 0
    assert [name for name, kind in TASKS.items() if kind.second_opinion] == ["math"]


def code_verifier(run: RunConfig) -> Verifier:
    return verifiers_of([TASKS["code"]], VerifierSettings(code=run.verify.code))["code"]


def test_policies_of_mathematics_reach_training_evaluation_and_curation() -> None:
    policy = {"min_gold_digits": 2, "min_answer_digits": 5, "ratio_as_fraction": True}
    wanted = MathVerifier(min_gold_digits=2, min_answer_digits=5, ratio_as_fraction=True)
    run = recipes.load("or1-math-7b", [f"verify.math.{key}={value}".lower() for key, value in policy.items()])
    settings = VerifierSettings(math=run.verify.math, code=run.verify.code)
    assert verifiers_of([TASKS["math"]], settings)["math"] == wanted
    assert run.model_dump(mode="json")["verify"]["math"] == policy
    curation = VerifiableConfig.model_validate({"policy": policy})
    assert check_answers((), curation).verifiers["math"] == wanted
    third = Problem.make("math", (Message("user", ""),), "0.33")
    evaluation = EvalRunConfig.model_validate({"model": {"path": "m"}, "verify": {"math": policy}})
    with assemble.evaluation_pool(evaluation) as pool:
        [(_, verdict)] = pool.judge([Answer(problem=third, index=0, text=r"\boxed{1/3}")])
    assert verdict.reward == 1.0


def test_a_runs_settings_reach_its_verifier() -> None:
    sets = [
        "verify.code.reward=fraction",
        "verify.code.time_limit_factor=2",
        "verify.code.total_time_limit_s=9",
    ]
    wanted = CodeVerifier(reward="fraction", time_limit_factor=2.0, total_time_limit_s=9.0)
    assert code_verifier(recipes.load("qwen-0.5b-code", sets)) == wanted
    service = recipes.load("qwen-0.5b-code", ["verify.code.sandbox_fusion_url=http://x", *sets[:2]])
    fusion = SandboxFusionVerifier(url="http://x", reward="fraction", time_limit_factor=2.0)
    assert code_verifier(service) == fusion
