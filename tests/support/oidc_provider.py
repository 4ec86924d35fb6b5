"""The OpenID provider of tests: `oidc-provider` from npm, started with the Node that comes in a wheel.

python -m tests.support.oidc_provider      installs its packages, as locked
"""

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

from msgspec import Struct

from deploy.frontend.bundle import NODE, NPM
from tests.support.loopback import async_client

HERE = Path(__file__).resolve().parent / "oidc"
LOCK_FILE = HERE / "package-lock.json"
STAMP = HERE / "node_modules" / ".installed-lock"
INSTALL_LIMIT_S = 300
FORM = re.compile(r'<form[^>]*action="([^"]+)"')
PROMPT = re.compile(r'name="prompt" value="([^"]+)"')


class Provider(Struct, frozen=True):
    """One that runs. `client_id` may use it."""

    issuer: str
    client_id: str
    client_secret: str

    async def sign_in(self, address: str, login: str) -> str:
        """Does what a person does there: signs in as `login` and agrees. Returns where he is sent back to."""
        async with async_client(timeout=30) as browser:
            answer = await browser.get(address)
            for _ in range(12):
                if answer.is_redirect:
                    to = urljoin(str(answer.request.url), answer.headers["location"])
                    if not to.startswith(self.issuer):
                        return to
                    answer = await browser.get(to)
                    continue
                form, prompt = FORM.search(answer.text), PROMPT.search(answer.text)
                assert form, f"{answer.status_code}: {answer.text[:2000]}"
                assert prompt, answer.text[:2000]
                action = urljoin(str(answer.request.url), unescape(form[1]))
                answer = await browser.post(action, data={"prompt": prompt[1], "login": login, "password": "any"})
        raise AssertionError("the provider sends its visitor round in a circle")

    async def lies(self, **how: object) -> None:
        """What its token endpoint says from now on; see server.mjs. Nothing: the truth."""
        await self._control("/control", how)

    async def expire(self, code: str) -> None:
        """Makes an authorization code old."""
        await self._control("/control/expire", {"code": code})

    async def _control(self, path: str, said: object) -> None:
        async with async_client() as browser:
            (await browser.post(self.issuer + path, json=said)).raise_for_status()


def ensure_installed() -> None:
    """Installs what the lock file names, unless it is there. Two processes may call this at once."""
    with LOCK_FILE.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()
        if STAMP.exists() and STAMP.read_text() == wanted:
            return
        subprocess.run(
            [str(NODE), str(NPM), "ci", "--ignore-scripts", "--no-progress", "--loglevel=error"],
            cwd=HERE,
            env=_environment(),
            check=True,
            timeout=INSTALL_LIMIT_S,
        )
        STAMP.write_text(wanted)


@contextmanager
def provider(redirect_uri: str) -> Iterator[Provider]:
    """Runs it on a free port, for one client."""
    ensure_installed()
    client = {"client_id": "kameng", "client_secret": "a secret: with signs/%", "redirect_uri": redirect_uri}
    process = subprocess.Popen(
        [str(NODE), "server.mjs", json.dumps(client)],
        cwd=HERE,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the provider did not start"
        yield Provider(json.loads(line)["issuer"], client["client_id"], client["client_secret"])
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


if __name__ == "__main__":
    ensure_installed()
    print("kameng: the tests' OpenID provider is installed", file=sys.stderr)
