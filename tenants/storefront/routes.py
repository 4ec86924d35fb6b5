"""Every route of this face, for the composition."""

from litestar.types import ControllerRouterHandler

HANDLERS: list[ControllerRouterHandler] = []
