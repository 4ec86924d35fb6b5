"""Who is at the other end, as routes and pages see it."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from kameng.core.errors import Unauthenticated
from kameng.identity.permissions import NOTHING, Permission
from kameng.identity.standing import Place, Visit
from kameng.web.i18n import N_, gettext

TITLES = {
    "master.operator": N_("Operator"),
    "master.visitor": N_("Visitor from the master station"),
    "owner": N_("Owner"),
    "deputy": N_("Deputy"),
    "service": N_("Customer service"),
    "finance": N_("Finance"),
    "guest": N_("Guest"),
    "member": N_("Member"),
}


class Viewer(Struct, frozen=True, kw_only=True):
    """Somebody who is signed in. A buyer's `role` is what kind of buyer, and he has no permissions. `role_name` is
    that of a role which an owner composed.
    """

    id: UUID
    name: str
    role: str
    role_name: str | None = None
    permissions: frozenset[Permission] = NOTHING

    @property
    def title(self) -> str:
        """What the role is called, in the reader's language."""
        return role_title(self.role, self.role_name)

    def may(self, permission: str) -> bool:
        """For templates: `viewer.may("orders.refund")`."""
        return permission in self.permissions


class Staff(Viewer, frozen=True, kw_only=True):
    """A person at a console. `tenant_id` is None at the master; `address` is the client's. `places` are the stations
    he works at; `visit` is set when he is the operator, `visits` are those of the operator at this station.
    """

    tenant_id: int | None
    address: str
    places: Sequence[Place] = ()
    visit: Visit | None = None
    visits: Sequence[Visit] = ()


def role_title(role: str, role_name: str | None = None) -> str:
    """What a role is called: the owner's own word for it, or ours in the reader's language."""
    return role_name or gettext(TITLES.get(role, role))


class Visitor(Struct, frozen=True, kw_only=True):
    """A browser at the storefront, known or not. `session_id` is a secret that outlives neither signing in
    nor out.
    """

    session_id: str
    buyer_id: UUID | None
    name: str
    role: str
    address: str
    user_agent: str

    @property
    def buyer(self) -> UUID:
        """The buyer who is signed in. Raises `Unauthenticated`."""
        if self.buyer_id is None:
            raise Unauthenticated
        return self.buyer_id
