"""All pages about notices, for one place."""

from litestar import Controller

from admin_ui.notices import bell, channels, choices, log
from kameng.identity.permissions import Permission


def controllers(base: str, team: Permission) -> list[type[Controller]]:
    """`base` is what the place's addresses begin with: `/console`, or nothing at the master; `team` is the permission
    to change what goes to the whole team."""
    return [
        bell.controller(base),
        choices.controller(base, team),
        channels.controller(base, team, is_own=False),
        channels.controller(base, team, is_own=True),
        log.controller(base, team),
    ]
