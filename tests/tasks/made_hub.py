"""A small stand-in for the Hugging Face Hub on this machine: as much of its HTTP as a push and a pull speak."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit


class FakeHub(ThreadingHTTPServer):
    """Repositories by name, each a table of files, and what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakeHubHandler)
        self.files: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.lies: dict[str, bytes] = {}  # sent in place of a file that is listed

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, name: str) -> str:
        """What stands in a repository now, as a commit is called."""
        listed = [(path, hashlib.sha1(content).hexdigest()) for path, content in sorted(self.files[name].items())]
        return hashlib.sha1(json.dumps(listed).encode()).hexdigest()


class FakeHubHandler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_GET(self) -> None:
        self.answer(b"")

    def do_HEAD(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def answer(self, body: bytes) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        if self.command == "POST" and self.headers.get("Authorization") != "Bearer hf_of_a_test":
            self.told({"error": "Invalid credentials"}, 401)
        elif path == "/api/repos/create":
            told = json.loads(body)
            name = "/".join(filter(None, [told.get("organization") or "someone", told["name"]]))
            self.server.files.setdefault(name, {})
            self.told({"url": f"{self.server.address}/{name}", "name": name, "id": name})
        elif path == "/api/validate-yaml":
            self.told({"errors": [], "warnings": []})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(\w+)(?:/(.*))?)?", path):
            self.of_model(found[1], found[2] or "revision", body)
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self.file(found[1], found[3])
        else:
            self.told({"error": f"a test does not know {self.command} {path}"}, 404)

    def of_model(self, name: str, what: str, body: bytes) -> None:
        files = self.server.files.get(name)
        if files is None:
            self.told({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        elif what == "preupload":
            paths = [file["path"] for file in json.loads(body)["files"]]
            modes = [{"path": path, "uploadMode": "regular", "shouldIgnore": False, "oid": None} for path in paths]
            self.told({"files": modes})
        elif what == "commit":
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    del files[line["value"]["path"]]
            commit = self.server.commit(name)
            url = f"{self.server.address}/{name}/commit/{commit}"
            self.told({"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})
        elif what == "tree":
            self.told(
                [
                    {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                    for path, content in files.items()
                ]
            )
        else:
            listed = [{"rfilename": path, "size": len(content)} for path, content in files.items()]
            self.told({"id": name, "modelId": name, "sha": self.server.commit(name), "siblings": listed, "tags": []})

    def file(self, name: str, path: str) -> None:
        content = self.server.files.get(name, {}).get(path)
        if content is None:
            self.told({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        content = self.server.lies.get(path, content)
        tag = hashlib.sha1(content).hexdigest()
        self.sent(content, 200, {"ETag": f'"{tag}"', "X-Repo-Commit": self.server.commit(name)})

    def told(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.sent(json.dumps(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def sent(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Serve it on a free port."""
    with FakeHub() as hub:
        Thread(target=hub.serve_forever, daemon=True).start()
        try:
            yield hub
        finally:
            hub.shutdown()
