"""Logs that machines read and people can follow, and the counters of Prometheus."""

import logging
import sys

import msgspec
import structlog
from prometheus_client import Counter, Histogram, start_http_server

from kameng.infra.settings import Settings

REQUESTS = Counter("kameng_requests_total", "Requests answered", ["face", "method", "status"])
REQUEST_SECONDS = Histogram(
    "kameng_request_seconds",
    "Time to answer, in seconds",
    ["face"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ORDERS = Counter("kameng_orders_total", "Orders by the state they reached", ["state"])


def configure(settings: Settings) -> None:
    """JSON lines on stderr, or coloured ones on a terminal.

    Tracebacks are plain ones: the renderer's own shows local variables, and some of them are card keys and passwords.
    """
    level = logging.getLevelName(settings.log_level.upper())
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(
                [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
                if as_json
                else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=(
            structlog.BytesLoggerFactory(sys.stderr.buffer) if as_json else structlog.WriteLoggerFactory(sys.stderr)
        ),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def _json(line: object, **_: object) -> bytes:
    """One line of the log; what JSON does not know is written as it prints itself."""
    return msgspec.json.encode(line, enc_hook=repr)


def serve(settings: Settings) -> None:
    """Answers `/metrics` for this process on the private port, on loopback only, if there is one."""
    if settings.metrics_port:
        start_http_server(settings.metrics_port, addr="127.0.0.1")
