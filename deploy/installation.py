"""The processes of one installation: web, worker and scheduler."""

import sys

from redis import Redis
from redis.exceptions import RedisError

from deploy.supervisor import Process, answers
from kameng.infra import settings as settings_door
from kameng.infra.settings import Settings
from kameng.infra.worker import ALIVE


def processes(settings: Settings) -> list[Process]:
    """Web, worker and scheduler over these settings, in the order in which they start."""
    environ = settings_door.to_environ(settings)
    metrics = settings.metrics_port
    return [
        Process(
            "web",
            (sys.executable, "-m", "deploy.web"),
            environ,
            ready=answers(f"http://127.0.0.1:{settings.port}/readyz"),
        ),
        Process(
            "worker",
            (sys.executable, "-m", "deploy.worker"),
            {**environ, "KAMENG_METRICS_PORT": str(metrics + 1 if metrics else 0)},
            ready=lambda: worker_alive(settings),
        ),
        Process(
            "scheduler",
            (sys.executable, "-m", "deploy.scheduler"),
            {**environ, "KAMENG_METRICS_PORT": str(metrics + 2 if metrics else 0)},
        ),
    ]


def worker_alive(settings: Settings) -> bool:
    """Whether a worker has said within the last seconds that it takes messages."""
    try:
        with Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2) as redis:
            return bool(redis.exists(ALIVE))
    except RedisError:
        return False
