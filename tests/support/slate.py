"""What a test leaves in the database that all tests of a worker share, and that would come again in others: work that
is still to be done, stations that sweeps go over, suppliers and gateways that are asked long after they have ended."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from kameng.infra.db import Roles

HIGHEST = """
    SELECT (SELECT coalesce(max(id), 0) FROM tenants), (SELECT coalesce(max(id), 0) FROM goods),
           (SELECT coalesce(max(id), 0) FROM suppliers), (SELECT coalesce(max(id), 0) FROM payment_channels)
"""
ENDED = (
    "DELETE FROM outbox",
    "UPDATE tenants SET state = 'closed', closing_until = NULL WHERE id > {0} AND state <> 'closed'",
    "UPDATE goods SET state = 'withdrawn' WHERE id > {1} AND state <> 'withdrawn'",
    "UPDATE offers SET state = 'paused' WHERE (good_id > {1} OR supplier_id > {2}) AND state <> 'paused'",
    "UPDATE suppliers SET state = 'paused' WHERE id > {2} AND state <> 'paused'",
    "UPDATE payment_channels SET state = 'paused' WHERE id > {3} AND state <> 'paused'",
)
# Once in a hundred sales a test would meet another supplier than the one that it stages.
NOBODY_EXPLORED = "UPDATE routing_rules SET explore_percent = 0"


class Slate:
    """A plain connection as the owner of all tables: it works wherever a test stands, with an event loop or without."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection

    @contextmanager
    def kept_clean(self) -> Iterator[None]:
        """Ends all that is made inside the block. What was there before, of a fixture that many tests use, stays."""
        marks = self.connection.execute(HIGHEST).fetchone() or (0, 0, 0, 0)
        yield
        self.connection.execute("; ".join(ENDED).format(*marks).encode())


@contextmanager
def opened_slate(admin_url: str, roles: Roles) -> Iterator[Slate]:
    """`admin_url` is the administrator's. A test that still holds a lock fails by name, and keeps nobody waiting."""
    options = f"-c role={roles.owner} -c search_path=master -c lock_timeout=30s"
    with psycopg.connect(admin_url, autocommit=True, options=options) as connection:
        connection.execute(NOBODY_EXPLORED)
        yield Slate(connection)
