"""Inputs that no command can use: files of every kind of damage, and the command lines that name them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from or1.recipes import load
from or1.storage.provenance import describe
from or1.storage.run_folder import RunFolder

TINY = Path(__file__).parents[3] / "src/or1/models/tiny"
ROW = {"kind": "math", "gold": "1", "response": "1"}
TOML = {
    "syntax.toml": b'[model\npath = "builtin:tiny"\n',
    "empty.toml": b"",
    "latin.toml": 'name = "caf\xe9"\n'.encode("latin-1"),
    "key.toml": b'[model]\npath = "builtin:tiny"\nlayers = 3\n',
    "type.toml": b'model = "builtin:tiny"\n',
    "nul.toml": b'name = "a\x00b"\n',
    "binary.toml": bytes(range(256)),
    "benchmark.toml": b"name = 3\n",
}
ROWS = {
    "good.jsonl": json.dumps(ROW).encode() + b"\n",
    "empty.jsonl": b"",
    "cut.jsonl": b'{"kind": "math", "gold": "1", "resp',
    "binary.jsonl": bytes(range(256)) * 8,
    "latin.jsonl": '{"kind": "math", "gold": "\xe9", "response": "1"}\n'.encode("latin-1"),
    "list.jsonl": b"[1, 2]\n",
    "number.jsonl": b"7\n",
    "no-kind.jsonl": b'{"gold": "1", "response": "1"}\n',
    "no-gold.jsonl": b'{"kind": "math", "response": "1"}\n',
    "no-response.jsonl": b'{"kind": "math", "gold": "1"}\n',
    "other-kind.jsonl": b'{"kind": "poem", "gold": "1", "response": "1"}\n',
    "null.jsonl": b'{"kind": "math", "gold": null, "response": null}\n',
    "deep.jsonl": b"[" * 100_000 + b"\n",
    "not.parquet": b"PAR1 and nothing else",
    "empty.parquet": b"",
    "not.jsonl.gz": b"no gzip at all",
    "rows.xlsx": b"PK",
    "question.jsonl": b'{"question": "1+1?"}\n',
    "verdicts.json": b"{}",
    "cut.json": b"[{",
    "reward.py": b"def reward(response, gold, problem:\n",
    "nothing.py": b"",
    "number.py": b"reward = 3\n",
}
MODELS = {
    "no-config": {"config.json": None},
    "cut-config": {"config.json": b'{"architectures": ['},
    "list-config": {"config.json": b"[]"},
    "binary-config": {"config.json": bytes(range(256))},
    "no-weights": {"model.safetensors": None},
    "cut-weights": {"model.safetensors": b"\x08\x00\x00\x00"},
    "no-tokenizer": {"tokenizer.json": None},
    "cut-tokenizer": {"tokenizer.json": b'{"version": "1.0"'},
}


def make_world(folder: Path) -> None:
    """Write every file that the commands of `CASES` name."""
    for name, content in (TOML | ROWS).items():
        (folder / name).write_bytes(content)
    for name in ("folder", "folder.jsonl", "folder.toml", "folder.png"):
        (folder / name).mkdir()
    (folder / "folder/mine.txt").write_text("mine")
    for name, changes in MODELS.items():
        shutil.copytree(TINY, folder / name)
        for file, damaged in changes.items():
            (folder / name / file).unlink()
            if damaged is not None:
                (folder / name / file).write_bytes(damaged)
    run = load("tiny")
    names = ("run", "cut-run", "binary-metrics", "cut-checkpoint", "ahead", *OTHER_VERSIONS, "old-checkpoint")
    for name in names:
        RunFolder.open(folder / name, describe(run.model_dump(mode="json"), "0" * 16)).close()
    (folder / "cut-run/config.json").write_text('{"config": {"na')
    (folder / "binary-metrics/metrics.jsonl").write_bytes(bytes(range(256)))
    checkpoint = folder / "cut-checkpoint/checkpoints/step_000020"
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text("{")
    rows = [json.dumps({"step": step, "stage/index": 0}) + "\n" for step in range(90)]
    (folder / "ahead/metrics.jsonl").write_text("".join(rows))
    for name, manifest in (("cut-set", "{"), ("list-set", "[]"), ("empty-set", None)):
        (folder / name).mkdir()
        if manifest is not None:
            (folder / name / "manifest.json").write_text(manifest)
    for name, description in (("cut-eval", "{"), ("list-eval", "[]"), ("empty-eval", "{}")):
        (folder / name).mkdir()
        (folder / name / "eval.json").write_text(description)
    make_other_versions(folder)


def make_other_versions(folder: Path) -> None:
    """Folders as an earlier or a later or1 leaves them: of another format, or with other settings."""
    for name, (key, value) in OTHER_VERSIONS.items():
        path = folder / name / "config.json"
        stored = json.loads(path.read_text())
        (stored["config"] if key == "warp" else stored)[key] = value
        path.write_text(json.dumps(stored))
    content = json.dumps({"format": 0, "outputs": [], "versions": {"or1": "0.0.9"}})
    checkpoint = "old-checkpoint/checkpoints/step_000020/manifest.json"
    for name in (checkpoint, "old-set/manifest.json", "old-eval/eval.json"):
        described = folder / name
        described.parent.mkdir(parents=True, exist_ok=True)
        described.write_text(content)


OTHER_VERSIONS = {"old-run": ("format", 0), "new-run": ("format", 2), "old-settings": ("warp", 9)}
"""Run folder -> the key of its config.json that this or1 does not read, with the value."""
OLD, NEW = (f"has format {version} and this or1 reads format 1: use " for version in (0, 2))


TRAIN = "train tiny --out new"
EVAL = "eval run builtin:tiny --benchmark arithmetic --out new"
CURATE = "curate run real-math --out new"
CASES: dict[str, tuple[tuple[str, str], ...]] = {
    "train: recipe": (
        ("train", "recipe"),
        ("train tni", "tni"),
        ("train none.toml", "none.toml"),
        ("train syntax.toml", "syntax.toml"),
        ("train empty.toml", "empty.toml"),
        ("train latin.toml", "latin.toml"),
        ("train key.toml", "layers"),
        ("train type.toml", "model"),
        ("train nul.toml", "nul.toml"),
        ("train binary.toml", "binary.toml"),
        ("train folder.toml", "folder.toml"),
        ("train folder", "or1: folder"),
        ("train cut-run", "config.json"),
        ("train run/metrics.jsonl", "metrics.jsonl"),
        ("train tiny more", "more"),
        ("train tiny --step 3", "--step"),
        ("train tiny --set", "--set"),
    ),
    "folders of other versions": (
        ("train old-run", OLD),
        ("train new-run", NEW),
        ("train old-settings", "settings of another version of or1 (warp: "),
        ("train old-settings/config.json --out new", "settings of another version of or1 (warp: "),
        ("train tiny --out old-run", OLD),
        ("train tiny --from old-run@20 --out new", OLD),
        ("train tiny --from old-checkpoint@20 --out new", OLD),
        ("train tiny --out new --set data=[{task='math',path='old-set'}]", OLD),
        ("show old-run/config.json", OLD),
        ("rollouts old-run --step 1", OLD),
        ("top old-run", OLD),
        ("plot old-run", OLD),
        ("plot old-eval", OLD),
        ("report old-run", OLD),
        ("diff run old-run", OLD),
        ("export old-run new", OLD),
        ("export old-checkpoint new", OLD),
        ("eval rescore old-eval", OLD),
        ("eval compare old-eval old-eval", OLD),
        ("eval run builtin:tiny --benchmark arithmetic --out old-eval", OLD),
        ("curate show old-set", OLD),
        ("curate show old-set", "use or1 0.0.9, which wrote it (pip install or1==0.0.9), or make it again"),
    ),
    "train: setting": tuple(
        (f"{TRAIN} --set {setting}", part)
        for setting, part in (
            ("seed", "--set seed: write it as KEY=VALUE"),
            ("=3", "--set =3: write it as KEY=VALUE"),
            ("seed=", "seed"),
            ("seed=-1", "seed"),
            ("seed=1.5", "seed"),
            ("seed=one", "seed"),
            ("nothing.here=1", "nothing"),
            ("stages.7.num_steps=1", "stages.7"),
            ("stages.x.num_steps=1", "stages.x"),
            ("stages.0.group_size=1", "group_size"),
            ("stages.0.group_size=99999999999999999999", "group_size"),
            ("stages.0.num_steps=0", "num_steps"),
            ("stages.0.max_response_tokens=1000000", "stages"),
            ("stages.0.max_response_tokens=16k", "max_response_tokens"),
            ("stages.0.num_minibatches=99", "num_minibatches"),
            ("stages=[]", "stages"),
            ("optimizer.learning_rate=0", "learning_rate"),
            ("optimizer.learning_rate=nan", "learning_rate"),
            ("optimizer.learning_rate=inf", "learning_rate"),
            ("optimizer.beta1=1", "beta1"),
            ("loss.clip_low=2", "clip_low"),
            ("loss.average=mean", "average"),
            ("entropy.mode=auto", "entropy.mode"),
            ("system.device=tpu", "system.device"),
            ("system.device=cuda", "system.device"),
            ("system.threads=0", "threads"),
            ("system.backend=horovod", "horovod"),
            ("rollout.engine=sglang", "sglang"),
            ("rollout.engine=none.py:make", "none.py"),
            ("rollout.engine=nothing.py:make", "make"),
            ("model.path=", "model"),
            ("model.path=/none/model", "/none/model"),
            ("model.path=builtin:huge", "huge"),
            ("model.path=good.jsonl", "good.jsonl"),
            ("model.path=folder", "or1: folder"),
            *((f"model.path={name}", name) for name in MODELS),
            ("model.dtype=int8", "dtype"),
            ("model.chat.template=none.jinja", "none.jinja"),
            ("verify.worker_memory_bytes=1", "worker_memory_bytes"),
            ("verify.time_limit_s=-1", "time_limit_s"),
            ('evaluation.benchmarks=["aime99"]', "aime99"),
            ("evaluation.temperature=-1", "temperature"),
            ("checkpoint.keep=0", "keep"),
            ("max_empty_steps=0", "max_empty_steps"),
            ("data.0.task=poetry", "poetry"),
            ("data.0.task=reward.py:reward", "reward.py"),
            ("data.0.task=number.py:reward", "number.py"),
            *(
                (f"data=[{{task='math',path='{name}'}}]", f"{name} ")
                for name in (
                    "none.jsonl",
                    "empty.jsonl",
                    "cut.jsonl",
                    "binary.jsonl",
                    "latin.jsonl",
                    "list.jsonl",
                    "number.jsonl",
                    "deep.jsonl",
                    "not.parquet",
                    "empty.parquet",
                    "rows.xlsx",
                    "question.jsonl",
                    "folder.jsonl",
                    "folder",
                )
            ),
        )
    ),
    "train: out": (
        ("train tiny --out folder", "or1: folder"),
        ("train tiny --out good.jsonl", "good.jsonl"),
        ("train tiny --out good.jsonl/run", "good.jsonl"),
        ("train tiny --out /proc/run", "--out"),
        ("train tiny --out run --set seed=7", "seed"),
        ("train tiny --out ahead", "ahead"),
        ("train tiny --out cut-checkpoint", "cut-checkpoint"),
        ("train tiny --out new --from none@3", "none is not a run folder"),
        ("train tiny --out new --from run@3", "run has no checkpoint of step 3"),
        ("train tiny --out new --from run@three", "three"),
        ("train tiny --out new --ranks 0", "ranks"),
    ),
    "eval": (
        ("eval", ""),
        ("eval nothing", "nothing"),
        ("eval run", "argument 'model'"),
        ("eval run builtin:tiny", "--benchmark"),
        ("eval run builtin:tiny --benchmark aime99 --out new", "aime99"),
        ("eval run builtin:tiny --benchmark benchmark.toml --out new", "benchmark.toml"),
        ("eval run builtin:tiny --benchmark none.toml --out new", "none.toml"),
        ("eval run none --benchmark arithmetic --out new", "none"),
        ("eval run /none/x --benchmark arithmetic --out new", "/none/x"),
        *((f"eval run {name} --benchmark arithmetic --out new", name) for name in MODELS),
        (f"{EVAL} --samples 0", "samples"),
        (f"{EVAL} --samples many", "many"),
        (f"{EVAL} --protocol none", "none"),
        (f"{EVAL} --url localhost:8000", "endpoint.url"),
        (f"{EVAL} --url http://127.0.0.1:9/v1", "127.0.0.1"),
        (f"{EVAL} --set top_p=2", "top_p"),
        (f"{EVAL} --set nothing=2", "nothing"),
        (f"{EVAL} --set max_response_tokens=1000000", "max_response_tokens"),
        (f"{EVAL} --task none.py:f", "none.py"),
        (f"{EVAL} --task reward.py:reward", "reward.py"),
        ("eval run builtin:tiny --benchmark gsm8k --data none.jsonl --out new", "none.jsonl"),
        ("eval run builtin:tiny --benchmark gsm8k --data empty.jsonl --out new", "empty.jsonl"),
        ("eval run builtin:tiny --benchmark gsm8k --data cut.jsonl --out new", "cut.jsonl"),
        ("eval run builtin:tiny --benchmark gsm8k --data latin.jsonl --out new", "latin.jsonl"),
        ("eval run builtin:tiny --benchmark arithmetic --out run", "run holds config.json"),
        ("eval run builtin:tiny --benchmark arithmetic --out folder", "or1: folder"),
        ("eval run builtin:tiny --benchmark arithmetic --out good.jsonl", "good.jsonl"),
        ("eval run builtin:tiny --benchmark arithmetic --out /proc/e", "/proc/e"),
        ("eval rescore none", "none"),
        ("eval rescore folder", "or1: folder"),
        ("eval rescore cut-eval", "cut-eval"),
        ("eval rescore list-eval", "list-eval"),
        ("eval rescore empty-eval", "empty-eval"),
        ("eval rescore run", "run is not an evaluation"),
        ("eval compare none published", "none"),
        ("eval compare folder", "takes two"),
        ("eval compare cut-eval published", "cut-eval"),
        ("eval import none.json --benchmark livecodebench:release_v5 --out new", "none.json"),
        ("eval import verdicts.json --benchmark livecodebench:release_v5 --out new", "verdicts.json"),
        ("eval import cut.json --benchmark livecodebench:release_v5 --out new", "cut.json"),
        ("eval import verdicts.json --benchmark aime24 --out new", "aime24"),
    ),
    "verify": (
        ("verify", "argument 'file'"),
        ("verify none.jsonl", "none.jsonl"),
        *(
            (f"verify {name}", f"{name} ")
            for name in ROWS
            if name not in ("good.jsonl",) and not name.endswith((".py", ".json"))
        ),
        ("verify folder", "or1: folder"),
        ("verify folder.jsonl", "folder.jsonl"),
        ("verify run", "run is not a run folder"),
        ("verify good.jsonl --out good.jsonl", "good.jsonl"),
        ("verify good.jsonl --out folder", "--out folder is a folder"),
        ("verify good.jsonl --out none/v.jsonl", "none"),
        ("verify good.jsonl --out /proc/v.jsonl", "/proc/v.jsonl"),
        ("verify good.jsonl --workers 0", "workers"),
        ("verify good.jsonl --min-gold-digits 9", '--min-gold-digits is "9"'),
        ("verify good.jsonl --task none", "none"),
        ("verify good.jsonl --task nothing.py:f", "nothing.py"),
    ),
    "curate": (
        ("curate run none --out new", "none"),
        ("curate run syntax.toml --out new", "syntax.toml"),
        ("curate run empty.toml --out new", "empty.toml"),
        ("curate run latin.toml --out new", "latin.toml"),
        ("curate run folder.toml --out new", "folder.toml"),
        (f"{CURATE} --set nothing=1", "nothing"),
        (f"{CURATE} --set num_workers=0", "num_workers"),
        ("curate run real-math --out good.jsonl", "data.root"),
        ("curate run real-math", "data.root"),
        ("curate show none", "none"),
        ("curate show folder", "or1: folder"),
        ("curate show cut-set", "cut-set"),
        ("curate show list-set", "list-set"),
        ("curate show empty-set", "empty-set"),
        ("curate show good.jsonl", "good.jsonl"),
        ("curate show folder --samples -1", "samples"),
    ),
    "export": (
        ("export run", "argument 'out'"),
        ("export none new", "none"),
        ("export folder new", "or1: folder"),
        ("export run new", "run has no checkpoint yet"),
        ("export run new --step 3", "run has no checkpoint of step 3"),
        ("export run new --step three", "three"),
        ("export run folder", "or1: folder"),
        ("export run good.jsonl", "good.jsonl"),
        ("export cut-run new", "config.json"),
        ("export cut-checkpoint new", "cut-checkpoint"),
        ("export run new --adapter", "adapter"),
        ("export good.jsonl new", "good.jsonl"),
    ),
    "plot and rollouts": (
        ("plot", "argument 'RUN"),
        ("plot none", "none"),
        ("plot folder", "or1: folder"),
        ("plot good.jsonl", "good.jsonl"),
        ("plot cut-run", "config.json"),
        ("plot binary-metrics", "binary-metrics"),
        ("plot cut-eval", "cut-eval"),
        ("plot list-eval", "list-eval"),
        ("plot ahead --out none/p.png", "none"),
        ("report", "argument 'RUN"),
        ("report none", "none"),
        ("report folder", "or1: folder"),
        ("report cut-run", "config.json"),
        ("report ahead --out none/p.html", "none"),
        ("report ahead ahead", "named twice"),
        ("plot ahead --out p.docx", "docx"),
        ("plot ahead --out /proc/p.png", "/proc/p.png"),
        ("plot ahead --out folder.png", "folder.png"),
        ("rollouts none", "none"),
        ("rollouts folder", "or1: folder"),
        ("rollouts run --step 3", "no rollouts of step 3"),
        ("rollouts run --limit 0", "limit"),
    ),
    "show, doctor and help": (
        ("show none", "none"),
        ("show syntax.toml", "syntax.toml"),
        ("show folder", "or1: folder"),
        ("show tiny --set a.b=1", "unknown key a:"),
        ("show tiny --yaml", "--yaml"),
        ("show cut-run", "config.json"),
        ("doctor tiny", "tiny"),
        ("doctor --fix", "--fix"),
        ("help nothing", "nothing"),
        ("--nothing", "--nothing"),
        ("trian tiny", "trian"),
    ),
}
