"""The route table of an application, as tests walk it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from litestar import Litestar
from litestar.routes import HTTPRoute
from msgspec import Struct

from kameng.identity.permissions import Permission
from kameng.web.guards import requires

PARAMETER = re.compile(r"\{([a-z_]+):([a-z]+)\}")
NOWHERE = {"int": "2147483646", "str": "NO-SUCH-ONE", "uuid": "01900000-0000-7000-8000-000000000000", "path": "/none"}


class Route(Struct, frozen=True):
    """One method of one path. `path` has its parameters in braces; `asks` are the permissions of its guards."""

    method: str
    path: str
    asks: frozenset[Permission]
    is_public: bool

    @property
    def parameters(self) -> Sequence[str]:
        return [name for name, _ in PARAMETER.findall(self.path)]

    @property
    def nowhere(self) -> str:
        """The path with ids of the right form that nobody has."""
        return PARAMETER.sub(lambda found: NOWHERE[found[2]], self.path)

    def filled(self, values: Mapping[str, Sequence[str]]) -> Iterator[str]:
        """The path with each combination of the values of its parameters. Raises `KeyError`."""
        choices = [values[name] for name in self.parameters]
        for chosen in product(*choices):
            yield _placed(self.path, iter(chosen))


def _placed(path: str, values: Iterator[str]) -> str:
    return PARAMETER.sub(lambda _: next(values), path)


def table(app: Any) -> Iterator[Route]:
    """Every route but OPTIONS and the static files."""
    assert isinstance(app, Litestar)
    for route in app.routes:
        if not isinstance(route, HTTPRoute) or route.path.startswith("/static"):
            continue
        for handler in route.route_handlers:
            asks = frozenset(guard.permission for guard in handler.resolve_guards() if isinstance(guard, requires))
            for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"}):
                yield Route(str(method), route.path, asks, bool(handler.opt.get("public")))
