"""`kameng bench`."""

import rich_click as click

from deploy.bench import orders as orders_bench
from deploy.bench.figures import show
from deploy.cli.terminal import console, stderr


@click.group()
def bench() -> None:
    """Measure. Each command makes and removes its own servers and data."""


@bench.command()
@click.option("--seconds", type=click.FloatRange(min=1), default=10.0, show_default=True, help="How long to buy.")
@click.option("--clients", type=click.IntRange(min=1, max=64), default=16, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def orders(seconds: float, clients: int, as_json: bool) -> None:
    """Whole checkouts over HTTP, beside what the database alone can do with the same statements."""
    with stderr.status(f"buying for {seconds:.0f} s, and as long on the database alone"):
        results = orders_bench.measure(seconds=seconds, clients=clients)
    show(console, results, as_json=as_json)
