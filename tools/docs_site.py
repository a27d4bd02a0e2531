"""Lay out the pages of the documentation site: `python tools/docs_site.py build/site-pages` (`make docs`).

Every Markdown file that git tracks keeps its path, so that links between them hold; README.md is the first
page. A source file or a folder that a page links to becomes a page. Settings and reference are generated.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from or1 import recipes
from or1.recipes.check import shown
from or1.setting import settings_of

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]+)(#[^)]*)?(?=\))")
REFERENCE = {
    "api": ("Library", ["or1.api"]),
    "types": ("Types and protocols", ["or1.types", "or1.protocols"]),
    "algo": ("Mathematics", ["or1.algo.advantage", "or1.algo.entropy", "or1.algo.loss", "or1.algo.passk"]),
    "verify": ("or1_verify", ["or1_verify.types", "or1_verify.base", "or1_verify.errors"]),
}
SETTINGS_HEAD = """# Settings

`--set KEY=VALUE` changes a setting, and so does a line of a recipe. Values: those of the recipe `or1-7b`;
`or1 show NAME` prints those of another. N counts from 0. *On resume*: free and machine settings may change
when a run resumes, science settings with `--accept-changes`;
never settings do not ([more](../docs/runs.md)).

| key | value | on resume | meaning, unit, source |
| --- | --- | --- | --- |
"""
RECIPES_HEAD = """# Recipes

`or1 show NAME` prints a recipe, `or1 train NAME` runs it.

| recipe | purpose |
| --- | --- |
"""
AS_THEY_ARE = (".png", ".svg", ".html")
"""Endings of files that are copied."""
LANGUAGES = {".py": "python", ".toml": "toml", ".sh": "bash", ".yaml": "yaml", ".ipynb": "json"}


def tracked(pattern: str) -> list[Path]:
    """Paths that git tracks, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", pattern], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [Path(line) for line in listed.stdout.splitlines()]


def page_of(target: Path) -> Path:
    """The page that stands for a linked file or folder."""
    if target == Path("README.md"):
        return Path("index.md")
    if target.suffix in (".md", *AS_THEY_ARE):
        return target
    return target / "index.md" if (ROOT / target).is_dir() else Path(f"{target}.md")


def with_links(text: str, page: Path, linked: set[Path]) -> str:
    """A page's text with each link to a file of the repository turned to the page of that file."""

    def turned(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(page.parent / match[1]))
        linked.add(target)
        return os.path.relpath(page_of(target), page.parent) + (match[2] or "")

    return LINK.sub(turned, text)


def source_page(path: Path) -> str:
    """The page of a source file, or of a folder: its files."""
    if (ROOT / path).is_dir():
        files = [each for each in tracked(f"{path}/*") if each.suffix == ".md"]
        names = "\n".join(f"- [{each.stem}]({each.relative_to(path)})" for each in files)
        others = "\n".join(f"- `{each}`" for each in tracked(f"{path}/*") if each not in files)
        return f"# {path}\n\n{names}\n\n{others}\n"
    content = (ROOT / path).read_text(encoding="utf-8").rstrip()
    return f"# {path}\n\n````{LANGUAGES.get(path.suffix, '')}\n{content}\n````\n"


def settings_page() -> str:
    """Every setting of a run, with the value of the recipe or1-7b, unit and source."""
    rows = []
    for setting in settings_of(recipes.load("or1-7b")):
        key = re.sub(r"^(data|stages)\.0\.", r"\1.N.", setting.key)
        if re.match(r"(data|stages)\.\d", key):
            continue
        about = setting.about.replace("|", "\\|").replace("<", "&lt;")
        rows.append(f"| `{key}` | `{shown(setting.value)}` | {setting.on_resume} | {about} |")
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def recipes_page() -> str:
    """Every recipe in one line."""
    rows = "\n".join(f"| `{name}` | {recipes.summary(name)} |" for name in recipes.list_recipes())
    return RECIPES_HEAD + rows + "\n"


def write(folder: Path, path: Path, text: str) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def main(folder: Path) -> None:
    """Write all pages into a fresh folder."""
    shutil.rmtree(folder, ignore_errors=True)
    linked: set[Path] = set()
    documents = tracked("*.md")
    for path in documents:
        text = with_links((ROOT / path).read_text(encoding="utf-8"), path, linked)
        write(folder, page_of(path), text)
    for path in sorted(linked - set(documents)):
        if path.suffix in AS_THEY_ARE:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, folder / path)
        else:
            write(folder, page_of(path), with_links(source_page(path), path / "index.md", set()))
    for name, (title, modules) in REFERENCE.items():
        body = "\n\n".join(f"::: {module}" for module in modules)
        write(folder, Path(f"reference/{name}.md"), f"# {title}\n\n{body}\n")
    write(folder, Path("reference/settings.md"), settings_page())
    write(folder, Path("reference/recipes.md"), recipes_page())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
