"""The sample pages over HTTP, under the strict content policy that the product sends."""

from __future__ import annotations

import datetime as dt
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deploy.frontend.bundle import DIST
from kameng.web.bundle import Assets
from tests.support.gallery.samples import context

ROOT = Path(__file__).resolve().parents[3]
PAGES = Path(__file__).resolve().parent / "pages"
TEMPLATES = ROOT / "platform" / "kameng" / "web" / "templates"
NONCE = "c2FtcGxl"
POLICY = (
    f"default-src 'none'; script-src 'nonce-{NONCE}'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def environment(words: dict[str, str]) -> Environment:
    """Jinja as the product sets it up; `words` are translations, msgid to text."""
    env = Environment(
        loader=FileSystemLoader([PAGES, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    env.install_gettext_callables(  # type: ignore[attr-defined] # the extension adds it at run time
        lambda one: words.get(one, one),
        lambda one, many, count: words.get(one, one if count == 1 else many),
        newstyle=True,
    )
    env.filters["money"] = lambda cents: f"{'-' if cents < 0 else ''}¥{abs(cents) / 100:,.2f}"
    env.filters["when"] = lambda at: at.astimezone(dt.timezone(dt.timedelta(hours=8))).strftime("%m-%d %H:%M")
    env.filters["iso"] = lambda at: at.isoformat()
    assets = Assets.read(DIST)
    env.globals |= {"asset": assets.url, "icon_url": assets.icon_url}
    return env


def render(env: Environment, name: str, **more: Any) -> str:
    base: dict[str, object] = {"csrf_token": "token", "csp_nonce": NONCE, "locale": "zh_CN", "path": f"/{name}"}
    base |= {"base": "", "origin": "", "toasts": [], "flags": {"shop.notice": True}}
    return env.get_template(f"{name}.html").render({**base, **context(), **more})


class Gallery(ThreadingHTTPServer):
    """Serves `/<page>`; keeps what was posted, and the order page's stream open until `deliver` is set."""

    daemon_threads = True

    def __init__(self, words: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.env = environment(words)
        self.deliver = threading.Event()
        self.streams = True
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    @property
    def site(self) -> Gallery:
        return cast("Gallery", self.server)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        name = path.strip("/") or "home"
        self.site.asked.append(("GET", path))
        if path == "/theme.css":
            self.send(200, "text/css", b":root { --accent: #0a7d5a; }")
        elif path.startswith("/static/"):
            file = DIST / Path(path).name
            self.send(200, mimetypes.guess_type(file.name)[0] or "text/plain", file.read_bytes())
        elif path == "/live/order":
            self.stream()
        elif name == "live-order":
            self.page("order-delivered" if self.site.deliver.is_set() else "order-waiting")
        elif (PAGES / f"{name}.html").exists():
            self.page(name)
        else:
            self.send(404, "text/plain", b"no such page")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.site.asked.append(("POST", self.path))
        self.send(204, "text/plain", b"")

    def page(self, name: str) -> None:
        self.send(200, "text/html; charset=utf-8", render(self.site.env, name).encode())

    def stream(self) -> None:
        if not self.site.streams:
            self.send(503, "text/plain", b"")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b": here\n\n")
        self.site.deliver.wait(10)
        self.wfile.write(b"event: changed\ndata: 1\n\n")

    def send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: what was asked is kept on the server."""


@contextmanager
def gallery(words: dict[str, str]) -> Iterator[Gallery]:
    """The gallery on a free loopback port, for the time of the block."""
    server = Gallery(words)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.deliver.set()
        server.shutdown()
        server.server_close()
        thread.join()
