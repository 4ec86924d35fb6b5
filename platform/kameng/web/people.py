"""Who is at the other end, as routes and pages see it."""

from uuid import UUID

from msgspec import Struct

from kameng.core.errors import Unauthenticated
from kameng.identity.permissions import NOTHING, Permission
from kameng.web.i18n import N_, gettext

TITLES = {
    "master.operator": N_("Operator"),
    "owner": N_("Owner"),
    "deputy": N_("Deputy"),
    "service": N_("Customer service"),
    "finance": N_("Finance"),
    "guest": N_("Guest"),
    "member": N_("Member"),
}


class Viewer(Struct, frozen=True, kw_only=True):
    """Somebody who is signed in. A buyer's `role` is what kind of buyer, and he has no permissions."""

    id: UUID
    name: str
    role: str
    permissions: frozenset[Permission] = NOTHING

    @property
    def title(self) -> str:
        """What the role is called, in the reader's language."""
        return gettext(TITLES.get(self.role, self.role))

    def may(self, permission: str) -> bool:
        """For templates: `viewer.may("orders.refund")`."""
        return permission in self.permissions


class Staff(Viewer, frozen=True, kw_only=True):
    """A person at a console. `tenant_id` is None at the master; `address` is the client's."""

    tenant_id: int | None
    address: str


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
