"""One HTML file with everything in it: data, scripts and styles, and a policy that forbids any other.

Texts of rollouts are data of the page and never part of its markup: they lie in JSON blocks in which `<` is
escaped, and the scripts write them with text nodes alone. The policy lets no script or style run but those
whose hash it names, and nothing be loaded or sent.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"
STYLES = ("uplot.min.css", "style.css", "folders.css")
LIBRARY = "uplot.min.js"
SCRIPTS = (
    "dom.js",
    "curves.js",
    "overview.js",
    "tables.js",
    "virtual_list.js",
    "texts.js",
    "browser.js",
    "rollouts.js",
    "evaluation.js",
    "curation.js",
    "main.js",
)
"""In order: they share one scope."""
LIVE = "live.js"
"""Before the last of them in the live page (`or1.board.live`)."""


def page(data: Mapping[str, Any], rollouts: Sequence[Any] = (), *, is_live: bool = False) -> str:
    """The whole page.

    Args:
        data: as `report_data` makes it; `title` names the page.
        rollouts: of each run, as `run_rollouts` makes them.
        is_live: with the script that reads new steps from the server of the page; the policy allows no other
            connection.
    """
    *first, last = SCRIPTS
    own = "\n".join(_asset(name) for name in (*first, *([LIVE] if is_live else []), last))
    connect = "'self'" if is_live else "'none'"
    styles = [_asset(name) for name in STYLES]
    scripts = [_asset(LIBRARY), f'"use strict";\n(() => {{\n{own}\n}})();']
    policy = (
        f"default-src 'none'; script-src {_hashes(scripts)}; style-src {_hashes(styles)}; img-src data:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{html.escape(str(data['title']))} - or1</title>",
            *(f"<style>{style}</style>" for style in styles),
            "<body>",
            f'<script type="application/json" id="or1-data">{json_block(data)}</script>',
            *(
                f'<script type="text/plain" id="or1-rollouts-{number}">{packed_block(rows)}</script>'
                for number, rows in enumerate(rollouts)
            ),
            *(f"<script>{script}</script>" for script in scripts),
            "</body></html>\n",
        )
    )


def json_block(data: Any) -> str:
    """JSON that an HTML parser reads as one text, whatever the texts in it hold.

    >>> json_block(["</script>"])
    '["\\\\u003c/script>"]'
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def packed_block(data: Any) -> str:
    """JSON as gzip in base64: a page of texts takes a third of the room."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8").strip()


def _hashes(texts: list[str]) -> str:
    """Hash sources of a policy."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
