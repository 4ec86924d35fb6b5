"""`kameng chaos`."""

import json
import secrets
import sys

import msgspec
import rich_click as click

from deploy.chaos import run as chaos_run
from deploy.chaos.run import Outcome
from deploy.cli.terminal import console, stderr

MOST_SEED = 2**31


@click.group()
def chaos() -> None:
    """Break things on purpose, and prove that nothing was lost. Each command makes and removes its own servers."""


@chaos.command()
@click.option("--histories", type=click.IntRange(min=1, max=10_000), default=30, show_default=True)
@click.option("--seed", type=click.IntRange(min=0, max=MOST_SEED), help="Of the first history; drawn when not given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def orders(histories: int, seed: int | None, as_json: bool) -> None:
    """Orders under faults of every kind: kill -9 of web, worker, scheduler and database, lost and repeated messages,
    suppliers that are silent or lie, payments that come late and twice.

    A history is a short run of a small fresh station; when it has settled its books are compared with what its buyers
    saw and with the suppliers' and the gateway's own. Exits with 1 when anything is wrong; --seed N --histories 1 makes
    the same buyers do the same again.
    """
    seed = secrets.randbelow(MOST_SEED) if seed is None else seed
    with stderr.status("starting servers") as line:
        outcome = chaos_run.orders(histories=histories, seed=seed, tell=line.update)
    _show(outcome, seed, as_json=as_json)
    if outcome.violations:
        sys.exit(1)


def _show(outcome: Outcome, seed: int, *, as_json: bool) -> None:
    for one in outcome.violations:
        stderr.print(f"seed {one.seed}: {one.rule}: {one.what}", highlight=False, soft_wrap=True)
    figures = {"seed": seed, **msgspec.to_builtins(outcome), "violations": len(outcome.violations)}
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        said = ", ".join(f"{kind} {times}" for kind, times in value.items()) if isinstance(value, dict) else value
        console.print(f"{name:<18} {said}", highlight=False, soft_wrap=True)
