"""`kameng flags list`, `kill` and `unkill`: the kill switch. No server is needed: it is a file."""

from pathlib import Path

import rich_click as click
from rich.table import Table

from deploy import surroundings
from deploy.cli.terminal import console
from kameng.core.errors import Invalid, Refused
from tenants.toggles import kill_switch
from tenants.toggles.errors import FlagsFileMissing
from tenants.toggles.flags import FLAGS, OFF, ON, Flag, Kind, flag_of


class NotAValue(Refused):
    message = "%(key)s can be %(possible)s."


@click.group()
def flags() -> None:
    """Features: list them, and the kill switch, which works while the database is down."""


@flags.command("list")
def list_all() -> None:
    """List all features and what the kill switch says."""
    named = surroundings.flags_file()
    killed = kill_switch.read(Path(named)) if named else {}
    table = Table("feature", "kind", "default", "killed", "to be gone by", box=None, pad_edge=False)
    for flag in FLAGS.values():
        gone_by = flag.expires.isoformat() if flag.expires else ""
        table.add_row(flag.key, str(flag.kind), flag.write(flag.default), flag.write(killed.get(flag.key)), gone_by)
    console.print(table)
    for key in sorted(killed.keys() - FLAGS.keys()):
        console.print(f"[yellow]{key}[/yellow] stands in the file, and there is no such feature.", highlight=False)


@flags.command()
@click.argument("key")
@click.argument("value", default="")
def kill(key: str, value: str) -> None:
    """Give KEY this VALUE at every station, whatever plans, policies and stations say; `off` if none is given."""
    flag = flag_of(key)
    try:
        wanted = flag.read(value or OFF)
    except Invalid:
        raise NotAValue(key=key, possible=_possible(flag)) from None
    path = _file()
    kill_switch.write(path, kill_switch.read(path) | {key: wanted})
    console.print(f"{key} is {flag.write(wanted)} everywhere within a second.", highlight=False)


@flags.command()
@click.argument("key")
def unkill(key: str) -> None:
    """Let plans, policies and stations decide about KEY again."""
    path = _file()
    killed = kill_switch.read(path)
    if killed.pop(key, None) is None:
        console.print(f"{key} is not killed; nothing was changed.", highlight=False)
        return
    kill_switch.write(path, killed)
    console.print(f"{key} is decided about as before within a second.", highlight=False)


def _possible(flag: Flag) -> str:
    """The values of a flag, for a sentence."""
    if flag.kind is Kind.NUMBER:
        return f"a whole number from {flag.least} to {flag.most}"
    return " or ".join(flag.choices or (ON, OFF))


def _file() -> Path:
    """Raises `FlagsFileMissing`."""
    named = surroundings.flags_file()
    if not named:
        raise FlagsFileMissing
    return Path(named)
