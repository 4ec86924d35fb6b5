"""The passwords of the embedded servers: made once per folder, readable by its owner only."""

import os
import secrets
from pathlib import Path

import msgspec

from deploy.embedded.errors import EmbeddedError


class Passwords(msgspec.Struct, frozen=True):
    superuser: str
    admin: str
    app: str
    valkey: str


def passwords_in(folder: Path) -> Passwords:
    """Read the passwords kept in `folder`, or make them. They hold no character that a URL would escape."""
    file = folder / "passwords.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Passwords)
    except FileNotFoundError:
        made = Passwords(*(secrets.token_hex(16) for _ in range(4)))
    except msgspec.DecodeError as error:
        raise EmbeddedError(f"{file} is damaged: remove {folder} to start over, its data are lost.") from error
    draft = folder / "passwords.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(msgspec.json.encode(made))
    draft.rename(file)
    return made
