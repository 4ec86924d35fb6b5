"""What all routes of this door share: the guard, the machine it finds, and errors in the protocol's words."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from litestar.di import Provide
from litestar.exceptions import HTTPException
from msgspec import Struct

from kameng.core.errors import KamengError
from tenants.openapi import envelope
from tenants.openapi.machines import provide_machine, signed_by_machine
from tenants.toggles import flags


class Door(Struct, frozen=True):
    """The layers that Litestar takes from a controller."""

    guards: Sequence[Any]
    opt: Mapping[str, Any]
    dependencies: Mapping[str, Provide]
    exception_handlers: MutableMapping[Any, Any]


DOOR = Door(
    guards=[signed_by_machine],
    opt={"csrf": False, **flags.OPEN_API.opt},  # a signature is what cookies would need a token for
    dependencies={"machine": Provide(provide_machine, sync_to_thread=False)},
    exception_handlers={KamengError: envelope.refused, HTTPException: envelope.unreadable},
)
