"""The adapter of a supplier who is a person: it writes a task, and reads what became of it."""

from sqlalchemy.dialects.postgresql import insert

from kameng.infra.crypto import Sealer
from kameng.infra.db import Database
from supplier_gateway.adapters.manual import queries, service
from supplier_gateway.adapters.manual.models import ManualTask
from supplier_gateway.port import (
    Answer,
    Called,
    CallRefused,
    Fault,
    GoodsPage,
    Greeting,
    Order,
    Outcome,
)

SETTLED = {"delivered": Outcome.DELIVERED, "partial": Outcome.PARTIAL}


class ManualAdapter:
    """The tasks of one account; implements `supplier_gateway.port.SupplierAdapter`. Each call is one transaction."""

    def __init__(self, database: Database, sealer: Sealer, supplier_id: int, name: str) -> None:
        self._database = database
        self._sealer = sealer
        self._supplier_id = supplier_id
        self._name = name

    async def buy(self, order: Order) -> Answer:
        """A repeat is the first task."""
        task = {
            "supplier_id": self._supplier_id,
            "reference": order.reference,
            "sku": order.sku,
            "quantity": order.quantity,
            "kind": order.kind,
            "inputs": dict(order.inputs),
            "max_unit_cost": order.max_unit_cost,
        }
        async with self._database.master_session() as session:
            await session.execute(insert(ManualTask).values(task).on_conflict_do_nothing(index_elements=["reference"]))
        return await self.find(order.reference)

    async def find(self, reference: str, *, order_no: str = "", order: Order | None = None) -> Answer:
        async with self._database.master_session() as session:
            task = await queries.of_reference(session, reference)
        if task is None or task.supplier_id != self._supplier_id:
            return Answer(Outcome.FAILED, fault=Fault.NOT_FOUND)
        if task.state == "open":
            return Answer(Outcome.PENDING, str(task.id))
        if task.state == "failed":
            return Answer(Outcome.FAILED, str(task.id), fault=Fault.REFUSED, detail=task.reason[:200])
        return Answer(
            SETTLED[task.state],
            str(task.id),
            service.cards_of(self._sealer, task),
            task.cost_cents,
            message=task.message,
            delivered_quantity=task.delivered_quantity,
        )

    async def goods(self, cursor: str = "") -> GoodsPage:
        """A person has no catalogue: his offers are written by hand."""
        return GoodsPage([])

    async def stock(self, sku: str) -> int | None:
        return None

    async def balance_cents(self) -> int:
        """Nothing is kept with a person; `Entry.has_balance` says so, and nobody asks."""
        return 0

    async def greet(self) -> Greeting:
        return Greeting(self._name, None)

    def heard(self, called: Called) -> str:
        raise CallRefused("a person does not call back")
