"""PostgreSQL and Valkey from wheels, as real servers, for `make demo` and `make test`."""

from deploy.embedded.errors import EmbeddedError
from deploy.embedded.servers import Servers, embedded_servers

__all__ = ["EmbeddedError", "Servers", "embedded_servers"]
