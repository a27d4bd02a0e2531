"""A stand-in of the Hugging Face hub on this machine: the calls that an upload makes, and what they leave.

It answers as the hub's HTTP API does for the library `huggingface_hub` without hf_xet: repositories are made,
the head of a card is checked, each file is declared (regular or LFS), LFS files are put and verified by their
hash, and one commit names them all. Calls need the token; a commit with an unknown object is refused.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_of_the_test"
COMMIT = "c0ffee" * 6 + "c0ff"
LFS_ENDINGS = (".safetensors", ".parquet")


@dataclass
class HubState:
    """All that the server holds."""

    address: str = ""
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    """`models/owner/name` -> the body of the request that made it."""
    objects: dict[str, bytes] = field(default_factory=dict)
    """sha256 -> content of an LFS file."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Path -> content after the last commit."""
    refuses_files: bool = False
    """Answer 403 to each LFS file."""
    messages: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    """Kinds of requests in order, one for each kind."""


class _Handler(BaseHTTPRequestHandler):
    hub: HubState
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Nothing on stderr."""

    def do_POST(self) -> None:
        body = self.content()
        for pattern, name in ROUTES:
            if found := re.fullmatch(pattern, self.path.partition("?")[0]):
                if self.headers["Authorization"] != f"Bearer {TOKEN}":
                    return self.reply(401, {"error": "Invalid username or password."})
                self.hub.calls += [name] if name not in self.hub.calls else []
                status, content = ANSWERS[name](self.hub, body, *found.groups())
                return self.reply(status, content)
        return self.reply(404, {"error": f"no such call: {self.path}"})

    def do_PUT(self) -> None:
        content = self.content()
        asked = self.path.rsplit("/", 1)[1]
        if self.hub.refuses_files or hashlib.sha256(content).hexdigest() != asked:
            return self.reply(403, {"error": "refused, or content and hash differ"})
        self.hub.calls += ["put"] if "put" not in self.hub.calls else []
        self.hub.objects[asked] = content
        return self.reply(200, {})

    def content(self) -> bytes:
        """The body of the request, also of one in chunks."""
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def reply(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


Answer = tuple[int, dict[str, Any]]


def create(hub: HubState, body: bytes) -> Answer:
    asked = json.loads(body)
    name = f"{asked.get('type', 'model')}s/{asked['organization']}/{asked['name']}"
    status = 409 if name in hub.repositories else 200
    hub.repositories.setdefault(name, asked)
    return status, {"url": f"{hub.address}/{name.removeprefix('models/')}"}


def validate(hub: HubState, body: bytes) -> Answer:
    head = json.loads(body)["content"].split("---")
    errors = [] if len(head) > 2 else [{"message": "the card has no head"}]
    return (400 if errors else 200), {"errors": errors, "warnings": []}


def declare(hub: HubState, body: bytes, name: str) -> Answer:
    if name not in hub.repositories:
        return 404, {"error": "Repository not found"}
    files = [
        {
            "path": file["path"],
            "uploadMode": "lfs" if file["path"].endswith(LFS_ENDINGS) else "regular",
            "shouldIgnore": False,
        }
        for file in json.loads(body)["files"]
    ]
    return 200, {"files": files}


def batch(hub: HubState, body: bytes, name: str) -> Answer:
    objects = []
    for wanted in json.loads(body)["objects"]:
        upload = {"href": f"{hub.address}/put/{wanted['oid']}"}
        verify = {"href": f"{hub.address}/verify"}
        objects.append({**wanted, "actions": {"upload": upload, "verify": verify}})
    return 200, {"transfer": "basic", "objects": objects}


def verify(hub: HubState, body: bytes) -> Answer:
    asked = json.loads(body)
    there = len(hub.objects.get(asked["oid"], b"")) == asked["size"]
    return (200 if there else 404), {}


def commit(hub: HubState, body: bytes, name: str) -> Answer:
    rows = [json.loads(line) for line in body.splitlines()]
    for row in rows[1:]:
        value = row["value"]
        if row["key"] == "file":
            hub.files[value["path"]] = base64.b64decode(value["content"])
        elif value["oid"] in hub.objects:
            hub.files[value["path"]] = hub.objects[value["oid"]]
        else:
            return 400, {"error": f"{value['path']} was not uploaded"}
    hub.messages.append(rows[0]["value"]["summary"])
    return 200, {"commitUrl": f"{hub.address}/{name}/commit/{COMMIT}", "commitOid": COMMIT}


ROUTES = (
    (r"/api/repos/create", "create"),
    (r"/api/validate-yaml", "validate"),
    (r"/api/((?:models|datasets)/[^/]+/[^/]+)/preupload/main", "declare"),
    (r"/(.+)\.git/info/lfs/objects/batch", "batch"),
    (r"/verify", "verify"),
    (r"/api/((?:models|datasets)/[^/]+/[^/]+)/commit/main", "commit"),
)
ANSWERS: dict[str, Any] = {
    "create": create,
    "validate": validate,
    "declare": declare,
    "batch": batch,
    "verify": verify,
    "commit": commit,
}


@contextlib.contextmanager
def serving() -> Iterator[HubState]:
    """A hub on a free port of the loopback interface."""
    hub = HubState()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
