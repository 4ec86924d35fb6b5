"""Putting cards into the master's stock, by paste."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId
from admin_ui.master import goods
from kameng.audit import service as audit
from kameng.cards import service
from kameng.cards.service import MAX_SECRET_LENGTH
from kameng.core.errors import Invalid
from kameng.core.money import to_cents
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from supplier_gateway.goods import queries

MAX_BODY_BYTES = 4 * 1024 * 1024
Cost = Annotated[Decimal, Meta(extra={"ge": "0", "le": "100000", "places": 2})]


class CardsForm(Struct, frozen=True):
    """`keys`: one in a line; `cost` in yuan for one."""

    keys: Annotated[str, Meta(max_length=2_000_000, extra={"lines": True})]
    cost: Cost

    def lines(self) -> list[str]:
        """Raises `Invalid`."""
        lines = self.keys.splitlines()
        if any(len(line) > MAX_SECRET_LENGTH for line in lines):
            raise Invalid({"keys": "A line is longer than 4,000 characters."})
        return lines


class CardController(Controller):
    path = "/goods/{good_id:int}/cards"
    request_max_body_size = MAX_BODY_BYTES

    @post("/", guards=[requires(Permission.GOODS_WRITE)])
    async def add(
        self,
        good_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, CardsForm)
            lines = sent.lines()
        except Invalid as error:
            form = await forms.again(request, error)
            return await goods.detail(request, runtime, good_id, 422, cards_form=form)
        sealer = await runtime.keyring.master()
        async with runtime.database.master_session() as session:
            good = await queries.good(session, good_id)
            done = await service.add(session, sealer, good_id, lines, to_cents(sent.cost))
            detail = {
                "name": good.name,
                "added": done.added,
                "duplicates": done.duplicates,
                "cost": str(sent.cost),
            }
            await audit.record(session, staff.name, "cards.import", str(good_id), detail, staff.address)
        answers.toast(request, _told(done), "ok" if done.added else "warn")
        return answers.redirect(request, f"/goods/{good_id}")


def _told(done: service.Import) -> str:
    if done.duplicates:
        return gettext(
            "%(added)s cards added; %(duplicates)s were there already and were left out.",
            added=done.added,
            duplicates=done.duplicates,
        )
    return gettext("%(added)s cards added.", added=done.added)
