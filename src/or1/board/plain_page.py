"""An HTML page without script: every text in it is escaped, and it loads nothing."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from or1.errors import ConfigError
from or1.storage.atomic import guard_writes, replacing

_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}
th,td{padding:.2rem .8rem;text-align:left;vertical-align:top;border-bottom:1px solid #8886}
td{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}
.table{overflow-x:auto}
.mark{font-weight:bold}
"""


def document(title: str, parts: Iterable[str]) -> str:
    """A whole page.

    Args:
        title: plain text.
        parts: HTML, as the functions below make it.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{html.escape(title)}</h1>\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


def paragraph(text: str, *, is_marked: bool = False) -> str:
    mark = ' class="mark"' if is_marked else ""
    return f"<p{mark}>{html.escape(text)}</p>"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A titled table of plain texts."""
    top = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    lines = ("<tr>" + "".join(f"<td>{html.escape(str(c))}</td>" for c in row) + "</tr>" for row in rows)
    return (
        f'<h2>{html.escape(title)}</h2><div class="table"><table><thead><tr>{top}</tr></thead><tbody>'
        + "".join(lines)
        + "</tbody></table></div>"
    )


def require_room_for(path: Path) -> None:
    """Refuse a path for a page before the page is made.

    Raises:
        ConfigError: the path is a folder, or its folder does not exist.
    """
    if path.is_dir():
        raise ConfigError(f"--out {path} is a folder: name a file, such as {path / 'page.html'}")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"--out {path}: there is no folder {path.absolute().parent}: make it first")


def write_page(path: Path, text: str) -> None:
    """Write a page to a file.

    Raises:
        ConfigError: the path is a folder, or its folder does not exist.
        RunFolderError: the file cannot be written; it is as before.
    """
    require_room_for(path)
    with guard_writes(path), replacing(path) as part:
        part.write_text(text, encoding="utf-8")
