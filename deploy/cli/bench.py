"""`kameng bench`."""

import rich_click as click

from deploy.bench import lists as lists_bench
from deploy.bench import orders as orders_bench
from deploy.bench import routing as routing_bench
from deploy.bench import tenancy as tenancy_bench
from deploy.bench import upstream as upstream_bench
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


@bench.command()
@click.option("--tenants", type=click.IntRange(min=2, max=10_000), default=1_000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def tenancy(tenants: int, as_json: bool) -> None:
    """Many stations: opening one, migrating all, and what a connection that serves all of them weighs.

    provision: milliseconds of opening a station as the operator's form does it, of the last hundred.
    migrate_all: seconds for a column and an index on every station. migrate_noop: seconds when nothing is to be done.
    backend_rss: the most that a backend of one pooled connection weighed while it served every station, every table of
    each; private memory in MB, without the database's shared buffers. backends: how many it took.
    """
    with stderr.status("starting servers") as line:

        def tell(what: str, done: int, total: int) -> None:
            line.update(f"{what}: {done:,} of {total:,}")

        results = tenancy_bench.measure(tenants=tenants, progress=tell)
    show(console, results, as_json=as_json)


@bench.command()
@click.option("--seconds", type=click.FloatRange(min=1), default=20.0, show_default=True, help="How long to buy.")
@click.option("--rate", type=click.FloatRange(min=1, max=1000), default=50.0, show_default=True, help="A second.")
@click.option(
    "--down",
    type=click.Choice(upstream_bench.WAYS),
    default="refuses",
    show_default=True,
    help="How one of three suppliers fails: its port is closed, it answers nothing until the last order is placed, or"
    " it does not fail.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def upstream(seconds: float, rate: float, down: str, as_json: bool) -> None:
    """From paid to delivered with three suppliers that take a second to answer, one of which goes down before the
    measurement begins.

    p50, p95, p99: milliseconds, by the times that the orders carry. failed: orders that were not delivered.
    """
    with stderr.status(f"buying for {seconds:.0f} s"):
        results = upstream_bench.measure(seconds=seconds, rate=rate, down=down)
    show(console, results, as_json=as_json)


@bench.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def routing(as_json: bool) -> None:
    """How fast a supplier is chosen, and how well: simulated, 60,000 orders with each of six seeds.

    The gaps are percentage points below an oracle that knows what is true now: of an order's value (success less cost
    and time,
    by the default weights), and of success alone. oracle: our routing; static: the cheapest always; breaker: the
    cheapest whose breaker is closed.
    """
    with stderr.status("deciding for 5 s, then simulating"):
        results = routing_bench.measure()
    show(console, results, as_json=as_json)


@bench.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def lists(as_json: bool) -> None:
    """Long lists: what an owner with a large stock waits for.

    import: seconds from 100,000 lines in hand to the last card for sale, each sealed, checked by a format and looked
    for among all cards that there are, through the job as a worker does it.
    products: milliseconds of pages of 10,000 products over 1,000,000 keys, at the console and in the shop.
    search: milliseconds of searches among 1,000,000 orders at the console. Both through HTTP; worst: the slowest kind.
    """
    with stderr.status("starting servers") as line:

        def tell(what: str, done: int, total: int) -> None:
            line.update(f"{what}: {done:,} of {total:,}")

        results = lists_bench.measure(progress=tell)
    show(console, results, as_json=as_json)
