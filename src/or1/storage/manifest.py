"""manifest.json of a data set: its inputs, configuration and versions, and the hash of every file in it.

    {"format": 1, "name": "or1-math", "config": {...}, "counts": {...}, "versions": {...},
     "inputs":  [{"path": "gsm8k/train.jsonl", "num_bytes": 4166206, "sha256": "..."}],
     "outputs": [{"path": "data/0.parquet", "role": "problems", "num_bytes": 812, "sha256": "..."}]}

Nothing in it is read from a clock: two runs over the same inputs write the same bytes. Every reader of a data
set checks its files first; a file that was changed, lost or added is named.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import or1_verify
from or1.errors import DataError
from or1.storage.atomic import write_json
from or1.storage.format import require_format
from or1.storage.provenance import commit, package_versions

MANIFEST = "manifest.json"
VERSION: Final = 1
"""Format of a data set's files; another one is refused."""
PROBLEMS = "problems"
"""Role of the files that hold the problems; the other files are for people."""
_REMEDY = "restore it, or make the data set again with or1 curate"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputFile(_Strict):
    """A file that the data set was made from."""

    path: str
    """As the curation's configuration names it."""
    num_bytes: int = Field(ge=0)
    sha256: str


class OutputFile(_Strict):
    """A file of the data set."""

    path: str
    """Below the data set's folder, with forward slashes."""
    role: str
    num_bytes: int = Field(ge=0)
    sha256: str


class Manifest(_Strict):
    """The content of manifest.json."""

    format: Literal[1] = VERSION
    name: str
    config: Mapping[str, Any]
    """The resolved configuration of the curation."""
    counts: Mapping[str, Any]
    """Rows in, rows out, and rows that left at each stage, by reason."""
    versions: Mapping[str, str]
    """or1, its commit, Python, packages."""
    inputs: tuple[InputFile, ...]
    outputs: tuple[OutputFile, ...]

    def files(self, role: str) -> tuple[str, ...]:
        """Paths of the files of one role, in order."""
        return tuple(file.path for file in self.outputs if file.role == role)


def write_manifest(
    folder: Path,
    *,
    name: str,
    config: Mapping[str, Any],
    counts: Mapping[str, Any],
    inputs: Mapping[str, Path],
    outputs: Mapping[str, str],
    packages: Sequence[str] = (),
) -> Manifest:
    """Hash every file and write the manifest, as the last file of a data set.

    Args:
        folder: the data set.
        name: of the data set.
        config: JSON.
        counts: JSON.
        inputs: path as the configuration names it -> local file.
        outputs: path below the folder -> role; `problems` for those that hold problems, in reading order.
        packages: further distributions whose version can change the data set.

    Raises:
        DataError: a file is not there.
        RunFolderError: the manifest cannot be written.
    """
    manifest = Manifest(
        name=name,
        config=config,
        counts=counts,
        versions={
            "or1": or1_verify.__version__,
            "commit": commit(),
            "python": platform.python_version(),
            **package_versions(packages),
        },
        inputs=tuple(InputFile(path=path, **_facts(inputs[path])) for path in sorted(inputs)),
        outputs=tuple(
            OutputFile(path=path, role=role, **_facts(folder / path)) for path, role in outputs.items()
        ),
    )
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a data set, its files unchecked.

    Raises:
        DataError: there is none, it is damaged, or the data set has another format.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
        _require_version(folder, content)
        return Manifest.model_validate_json(content)
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{folder} is not a data set: it holds no {MANIFEST}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{path} is damaged ({where}: {first['msg']}): {_REMEDY}") from None


def _require_version(folder: Path, content: bytes) -> None:
    """Before the content is read: another format may have other fields."""
    try:
        found = json.loads(content)
        described = found if isinstance(found, dict) else {}
        remedy = "make it again with or1 curate"
        require_format(folder, described, VERSION, remedy=remedy, error=DataError)
    except ValueError:
        return  # damaged: the reader of the content gives the place


def is_data_set(folder: Path) -> bool:
    """Does the folder hold a manifest of or1? Other programs name files manifest.json too.

    Raises:
        DataError: its manifest.json is not JSON: it may be a damaged one of or1.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return False
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        raise DataError(f"{path} is damaged (not JSON): {_REMEDY}") from None
    return isinstance(content, dict) and {"format", "outputs"} <= content.keys()


def checked_manifest(folder: Path) -> Manifest:
    """The manifest of a data set whose files are exactly those that were written.

    Files and folders whose names begin with a dot do not belong to the data set.

    Raises:
        DataError: a file was changed, is missing, or was added; the line names it.
    """
    manifest = read_manifest(folder)
    there, listed = _files_in(folder), {file.path for file in manifest.outputs}
    if missing := [file.path for file in manifest.outputs if file.path not in there]:
        raise DataError(f"{folder / missing[0]} is missing{_more(missing)}: {_REMEDY}")
    if added := sorted(there - listed):
        raise DataError(
            f"{folder / added[0]} is not in {MANIFEST}{_more(added)}: remove it, or make the data set again "
            "with or1 curate"
        )
    changed = [file for file in manifest.outputs if not _is_as_written(folder / file.path, file)]
    if changed:
        path = folder / changed[0].path
        raise DataError(
            f"{path} was changed after the data set was made{_more(changed)} (sha256 {hash_file(path)[:12]}, "
            f"{changed[0].sha256[:12]} in {MANIFEST}): {_REMEDY}"
        )
    return manifest


def hash_file(path: Path) -> str:
    """sha256 of a file's bytes, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _facts(path: Path) -> dict[str, Any]:
    try:
        return {"num_bytes": path.stat().st_size, "sha256": hash_file(path)}
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): the manifest needs its hash") from error


def _is_as_written(path: Path, file: OutputFile) -> bool:
    return path.stat().st_size == file.num_bytes and hash_file(path) == file.sha256


def _files_in(folder: Path) -> set[str]:
    """Paths of all files below the folder, except the manifest and names that begin with a dot."""
    found = set()
    for path in folder.rglob("*"):
        below = PurePosixPath(path.relative_to(folder))
        if not path.is_dir() and not any(part.startswith(".") for part in below.parts):
            found.add(str(below))
    return found - {MANIFEST}


def _more(files: Sequence[object]) -> str:
    return f" (and {len(files) - 1} more)" if len(files) > 1 else ""
