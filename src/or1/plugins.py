"""Objects that a setting names and that live outside the package: `FILE.py:NAME` or `module:NAME`."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from or1.errors import ConfigError

T = TypeVar("T")
_SPEC = re.compile(r"(?P<place>[^:]+):(?P<name>[A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Plugin:
    """Where an object is defined, and its name there."""

    place: str
    """A `.py` file, or a module on the import path."""
    name: str

    @property
    def is_file(self) -> bool:
        return self.place.endswith(".py")

    def __str__(self) -> str:
        return f"{self.place}:{self.name}"


def parse_plugin(spec: str) -> Plugin | None:
    """`FILE.py:NAME` or `module:NAME`; None for a plain name.

    >>> parse_plugin("my_task.py:reward")
    Plugin(place='my_task.py', name='reward')
    >>> parse_plugin("math") is None
    True
    """
    found = _SPEC.fullmatch(spec)
    return Plugin(found["place"], found["name"]) if found else None


def absolute_plugin(spec: str, folder: Path, *, every: bool = False) -> str:
    """The same object with the path of its file resolved against `folder`.

    Args:
        spec: as `parse_plugin` reads it; anything else comes back as it is.
        folder: where a relative path starts.
        every: also if there is no such file; otherwise its path stays relative.
    """
    plugin = parse_plugin(spec)
    if plugin is None or not plugin.is_file:
        return spec
    path = folder / Path(plugin.place).expanduser()
    return str(replace(plugin, place=str(path.resolve()))) if every or path.is_file() else spec


def load_plugin(plugin: Plugin, setting: str) -> Any:
    """Import the module and return the object.

    Args:
        plugin: the object.
        setting: the setting or option that names it, for error messages.

    Raises:
        ConfigError: no such file, module or name, or the module raises while it is imported.
    """
    digest = source_hash(plugin, setting)
    try:
        module = _module_of_file(plugin.place, digest) if plugin.is_file else _module(plugin.place)
    except Exception as error:  # a boundary: importing a user's module may raise anything
        raise ConfigError(
            f'{setting} = "{plugin}": importing it raised {type(error).__name__}: {error}'
        ) from error
    if plugin.name not in vars(module):
        public = ", ".join(name for name in vars(module) if not name.startswith("_")) or "nothing"
        raise ConfigError(f'{setting} = "{plugin}": {plugin.place} defines no {plugin.name}; it has {public}')
    return vars(module)[plugin.name]


def source_hash(plugin: Plugin, setting: str) -> str:
    """First 16 hex digits of sha256 over the source: the file, or all `.py` files of the module's package.

    Raises:
        ConfigError: no such file or module, or a module without Python source.
    """
    digest = hashlib.sha256()
    for path in _sources(plugin, setting):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigError(f'{setting} = "{plugin}": {path} cannot be read ({error.strerror})') from error
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _sources(plugin: Plugin, setting: str) -> list[Path]:
    if plugin.is_file:
        path = Path(plugin.place).expanduser()
        if not path.is_file():
            raise ConfigError(
                f'{setting} = "{plugin}": there is no file {path} (working directory {Path.cwd()})'
            )
        return [path]
    top = plugin.place.partition(".")[0]
    found = importlib.util.find_spec(top)
    if found is None or found.origin is None:
        raise ConfigError(
            f'{setting} = "{plugin}": there is no module {top} on the import path; '
            "install it, or give a file as FILE.py:NAME"
        )
    if found.submodule_search_locations is None:
        return [Path(found.origin)]
    return sorted(Path(found.origin).parent.rglob("*.py"))


def _module(name: str) -> ModuleType:
    return importlib.import_module(name)


@functools.cache
def _module_of_file(path: str, digest: str) -> ModuleType:
    """The module of a file, imported once for each content of the file."""
    name = f"or1_plugin_{hashlib.sha256(f'{path} {digest}'.encode()).hexdigest()[:16]}"
    found = importlib.util.spec_from_file_location(name, Path(path).expanduser())
    if found is None or found.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses look modules up there
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def factory_named(name: str, known: Mapping[str, T], setting: str) -> T:
    """The factory of this name, or the user's own at `FILE.py:NAME` or `module:NAME`.

    Args:
        name: value of the setting.
        known: the factories that or1 has.
        setting: for error messages.

    Raises:
        ConfigError: there is none.
    """
    if name in known:
        return known[name]
    plugin = parse_plugin(name)
    if plugin is None:
        names = ", ".join(f'"{each}"' for each in known)
        raise ConfigError(
            f'{setting} = "{name}" does not exist: use {names}, or a factory as FILE.py:NAME or module:NAME'
        )
    factory: T = load_plugin(plugin, setting)
    if not callable(factory):
        raise ConfigError(f'{setting} = "{name}" is of type {type(factory).__name__}: it must be a function')
    return factory
