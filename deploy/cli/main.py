"""The commands by name. Expected errors are one sentence and exit code 1."""

import sys

import rich_click as click

from deploy.cli import audit, bench, chaos, doctor, flags, hosts, migrations, people, stations, up
from deploy.cli.terminal import stderr
from deploy.demo.browser import Unexpected
from deploy.demo.buyer import ShopFailed
from deploy.embedded import EmbeddedError
from deploy.migrations.schemas import StepFailed
from deploy.supervisor import SupervisorError
from kameng.core.errors import KamengError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Kameng: many branded stations that sell virtual goods, from one deployment."""


cli.add_command(up.up)
cli.add_command(migrations.migrate)
cli.add_command(up.seed)
cli.add_command(stations.tenant)
cli.add_command(hosts.hosts)
cli.add_command(people.operator)
cli.add_command(audit.audit)
cli.add_command(flags.flags)
cli.add_command(doctor.doctor)
cli.add_command(bench.bench)
cli.add_command(chaos.chaos)


def main() -> None:
    """The console script."""
    try:
        cli(standalone_mode=True)
    except (KamengError, EmbeddedError, SupervisorError, ShopFailed, StepFailed, Unexpected) as error:
        stderr.print(f"[red]kameng:[/red] {error}", highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        stderr.print("stopped")
        sys.exit(130)
