"""What an operator's machines look at: health, readiness, metrics, logs."""

import json
from pathlib import Path

import pytest
from msgspec import structs

from deploy.supervisor import Supervisor
from tests.journeys.conftest import Town
from tests.support.loopback import http
from tests.support.stack import on_a_port_of_its_own, process

pytestmark = pytest.mark.xdist_group("browser")


def test_health_and_readiness_answer_on_every_host(town: Town) -> None:
    for host in ("xingchen.localhost", "master.localhost", "10.0.0.7", "nobody.example"):
        with town.stack.client(host) as client:
            assert client.get("/healthz").status_code == 200
            ready = client.get("/readyz")
        checks = [json.loads(line) for line in ready.text.splitlines()]
        assert {check["check"]: check["state"] for check in checks} == dict.fromkeys(
            ("database", "redis", "migrations"), "ok"
        )


def test_an_unknown_host_gets_a_page_that_says_nothing(town: Town) -> None:
    with town.stack.client("nobody.example") as client:
        answer = client.get("/console/login")

    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers
    assert not any(word in answer.text.lower() for word in ("kameng", "litestar", "granian", "shop"))


def test_metrics_are_on_their_private_port_only(town: Town) -> None:
    with town.stack.client("xingchen.localhost") as client:
        assert client.get("/").status_code == 200
        assert client.get("/metrics").status_code == 404
    told = http.get(f"http://127.0.0.1:{town.stack.settings.metrics_port}/metrics").text

    (line,) = [
        line
        for line in told.splitlines()
        if line.startswith("kameng_requests_total")
        and 'face="station"' in line
        and 'status="200"' in line
        and 'method="GET"' in line
    ]
    assert float(line.rsplit(" ", 1)[1]) >= 1


def test_each_request_is_one_line_of_json_with_its_ids(town: Town) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with town.stack.client("xingchen.localhost") as client:
        answer = client.get("/p/1", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    log = town.stack.log("web")
    (line,) = [line for line in log if line.get("request_id") == answer.headers["x-request-id"]]

    assert (line["event"], line["status"], line["trace_id"], line["tenant"]) == ("request", 200, trace, 1)


def test_the_metrics_of_several_web_workers_are_added_up(town: Town, tmp_path: Path) -> None:
    settings = structs.replace(on_a_port_of_its_own(town.stack.settings), web_workers=2)
    with Supervisor(tmp_path / "processes.json", log_folder=tmp_path / "log") as supervisor:
        supervisor.start(process("web", settings))
        for _ in range(12):  # each a connection of its own, so both workers get some
            answer = http.get(f"http://127.0.0.1:{settings.port}/login", headers={"Host": "master.localhost"})
            assert answer.status_code == 200
        told = http.get(f"http://127.0.0.1:{settings.metrics_port}/metrics").text

    (line,) = [line for line in told.splitlines() if line.startswith("kameng_requests_total") and "master" in line]
    assert float(line.rsplit(" ", 1)[1]) == 12
