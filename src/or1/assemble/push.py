"""An exported model goes to the Hugging Face hub, as one commit.

`HF_ENDPOINT` names another hub, such as a stand-in on this machine (tests/hub_server.py).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from or1 import recipes
from or1.assemble.card import licence_of
from or1.errors import ConfigError, EndpointError, first_line

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def require_publishable(name: str, run_folder: Path, licence: str | None) -> None:
    """Check before any work that the model of a run can be pushed under a name.

    Raises:
        ConfigError: the name is not `OWNER/NAME`, or no licence is known.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"--push {name}: write it as OWNER/NAME, such as my-team/my-model")
    run = recipes.load(run_folder)
    if licence is None and licence_of(run) is None:
        raise ConfigError(
            f"--push {name} needs a licence for the card, and that of {run.model.path} applies: add "
            "--license with its name on the hub, such as apache-2.0"
        )


def push(folder: Path, name: str, *, private: bool, message: str) -> str:
    """Make the repository where it does not exist, and upload the folder.

    Args:
        folder: an exported model with its card.
        name: `OWNER/NAME`.
        private: make a new repository private; one that exists stays as it is.
        message: of the commit.

    Returns:
        address of the commit.

    Raises:
        EndpointError: the hub refuses, or cannot be reached.
    """
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    hub = HfApi()
    try:
        hub.create_repo(name, private=private or None, exist_ok=True)
        done = hub.upload_folder(repo_id=name, folder_path=folder, commit_message=message)
    except (OSError, ValueError, HTTPError, RuntimeError) as error:
        cause = error.__cause__ or error  # a file's upload fails as RuntimeError, which only names the file
        raise EndpointError(
            f"{folder} was not pushed to {name} on {hub.endpoint} ({first_line(cause)[:200]}): check the "
            f"name, the network and the token (hf auth login), then run: hf upload {name} {folder}"
        ) from error
    return str(done.commit_url)
