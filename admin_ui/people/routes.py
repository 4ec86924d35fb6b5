"""All pages about people, for one place."""

from litestar import Controller

from admin_ui.people import account, crossing, delegating, entrance, oidc_entry, roles, team
from kameng.identity.permissions import Permission


def controllers(base: str, read: Permission, write: Permission) -> list[type[Controller]]:
    """`base` is what the place's addresses begin with: `/console`, or nothing at the master."""
    return [
        crossing.controller(base),
        entrance.controller(base),
        oidc_entry.controller(base),
        account.controller(base),
        team.controller(base, read, write),
        delegating.controller(base, write),
        roles.controller(base, read, write),
    ]
