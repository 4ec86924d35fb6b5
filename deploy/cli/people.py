"""`kameng operator create`."""

import rich_click as click

from deploy import surroundings
from deploy.cli.terminal import console, run
from kameng.identity import staff
from kameng.identity.permissions import Role
from kameng.infra.runtime import running
from kameng.infra.settings import Settings


@click.group()
def operator() -> None:
    """People of the master station."""


@operator.command("create")
@click.argument("login")
@click.option("--name", default="", help="The name that others see; the login if not given.")
@click.password_option(envvar="KAMENG_OPERATOR_PASSWORD", help="Asked for when it is not given.")
def create(login: str, name: str, password: str) -> None:
    """Give LOGIN an account that runs the master station."""
    with surroundings.deployment() as settings:
        run(_create(settings, login, name or login, password))
    console.print(f"{login} can sign in at {settings.base_url(settings.master_host)}/login")


async def _create(settings: Settings, login: str, name: str, password: str) -> None:
    async with running(settings) as runtime, runtime.database.master_session() as session:
        await staff.create_staff(session, login, name, password, None, Role.OPERATOR)
