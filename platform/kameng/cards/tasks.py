"""What is done with cards in the background. A shell."""

from functools import partial

from kameng.cards import imports
from kameng.cards.imports import CardsSent, Place
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import follows
from kameng.infra.tenancy import Tenant


@follows(CardsSent, queue="cards")
async def import_cards(event: CardsSent, tenant: Tenant | None, runtime: Runtime) -> None:
    """Some parts of an import; the rest comes by the next event. Without a tenant they are the master's."""
    await imports.work(await place_of(runtime, tenant), event.import_id)


async def place_of(runtime: Runtime, tenant: Tenant | None) -> Place:
    if tenant is None:
        return Place(runtime.database.master_session, await runtime.keyring.master())
    return Place(partial(Tenant.begin, tenant), await runtime.keyring.tenant(tenant.id))
