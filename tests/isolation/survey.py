"""Asks for B's things in the name of A's people: every route of the table, every one of B's ids, on both hosts.

What counts as a leak:

* a word of B that is private appears in an answer, or, on A's hosts, any word that is only B's;
* a path that names one of B's ids is answered as if it were there (below 400, but for the way to a sign-in page, and
  otherwise than an id that exists nowhere is), unless it is a public page on B's own host;
* a row of B has changed, or has gone, or, by requests to A's hosts, has been added.

A route whose parameter nobody has given a value of B for stops the survey: it would not be covered.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
from msgspec import Struct, field

from kameng.web.dispatch import HostDispatch
from tests.isolation.belongings import SETTINGS
from tests.isolation.strangers import Stranger
from tests.isolation.victim import Victim
from tests.support.routes import Route, table

NEW_EACH_TIME = re.compile(r'nonce="[^"]+"|[0-9a-f]{64}')  # nonces and form tokens
ENDS_A_SESSION = ("/logout", "/sessions/end", "/visits/leave")
ENDLESS = ("/live",)  # a stream of events ends when the browser goes
SIGN_IN = ("/login", "/console/login")


class Survey(Struct):
    """What was asked and what came back. `refused_early` were refused for the form, not for whose it is."""

    requests: int = 0
    with_ids: int = 0
    denied: int = 0
    refused_early: int = 0
    leaks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.requests} requests in A's name, {self.with_ids} of them for B's ids: {self.denied} denied,"
            f" {len(self.leaks)} leaks"
        )


class Uncovered(Exception):
    """A route has a parameter for which no id of B is known."""


def covered(app: Any, victim: Victim) -> list[Route]:
    """The routes of an application that can be asked. Raises `Uncovered`."""
    routes = [route for route in table(app) if not route.path.endswith(ENDS_A_SESSION)]
    for route in routes:
        if unknown := [name for name in route.parameters if name not in victim.values]:
            raise Uncovered(f"{route.method} {route.path}: give tests/isolation/victim.py a value of B for {unknown}.")
    # Last comes what may change A itself: forms without an id, which could close rooms that others have yet to try.
    return sorted(routes, key=lambda route: route.method != "GET" and not route.parameters)


async def ask_everything(
    door: HostDispatch, app: Any, hosts: Sequence[str], strangers: Sequence[Stranger], victim: Victim
) -> Survey:
    """The survey of one application at these hosts."""
    survey = Survey()
    form = {name: values[0] for name, values in victim.values.items()} | PLAUSIBLE
    routes = covered(app, victim)
    for stranger in strangers:
        for host in hosts:
            for route in routes:
                for path in route.filled(victim.values):
                    answer = await stranger.ask(door, host, route.method, path, form)
                    if _judge(survey, stranger, host, route, path, answer, victim):
                        as_nowhere = await stranger.ask(door, host, route.method, route.nowhere, form)
                        _compare(survey, f"{stranger.name} {route.method} {host}{path}", answer, as_nowhere)
    return survey


def _judge(
    survey: Survey, who: Stranger, host: str, route: Route, path: str, answer: httpx.Response, victim: Victim
) -> bool:
    """Writes down what one answer gives away. True when it is not clear whether the id was believed."""
    survey.requests += 1
    at_home = host == victim.shop.tenant.host
    where = f"{who.name} {route.method} {host}{path} ({route.path}): {answer.status_code}"
    shown = [word for word in _words(victim, at_home) if word not in path and word in _text(answer)]
    if shown:
        survey.leaks.append(f"{where} shows {shown}")
    if answer.status_code >= 500 and answer.status_code != 503:
        survey.leaks.append(f"{where} is a bug")
    if set(route.parameters) <= SETTINGS.keys():
        return False
    survey.with_ids += 1
    if _is_denied(answer):
        survey.denied += 1
        survey.refused_early += answer.status_code in (400, 422)
        return False
    return not (at_home and route.is_public and route.method == "GET")


def _compare(survey: Survey, where: str, answer: httpx.Response, as_nowhere: httpx.Response) -> None:
    """An answer that is the same for an id that exists nowhere tells nothing."""
    if (answer.status_code, _told(answer)) == (as_nowhere.status_code, _told(as_nowhere)):
        survey.denied += 1
    else:
        survey.leaks.append(f"{where}: {answer.status_code} is answered")


def _told(answer: httpx.Response) -> str:
    """A page without what is new or repeated on every page: nonces, tokens, its own address."""
    path = answer.request.url.path
    return NEW_EACH_TIME.sub("", answer.text + answer.headers.get("location", "")).replace(path, "")


def _words(victim: Victim, at_home: bool) -> Iterator[str]:
    yield from victim.private
    if not at_home:
        yield from victim.public


def _text(answer: httpx.Response) -> str:
    return answer.text + "\n".join(f"{name}: {value}" for name, value in answer.headers.items())


def _is_denied(answer: httpx.Response) -> bool:
    if answer.status_code in (302, 303):
        return answer.headers.get("location", "").partition("?")[0] in SIGN_IN
    return answer.status_code >= 400


def changes(before: Mapping[str, set[str]], after: Mapping[str, set[str]], *, may_add: bool) -> list[str]:
    """What has happened to B's rows. `may_add`: whether new rows are a stranger's right, as on B's own host."""
    told = []
    for name, rows in before.items():
        if gone := rows - after[name]:
            told.append(f"{name}: {len(gone)} rows changed or gone, such as {sorted(gone)[0][:200]}")
        if not may_add and (new := after[name] - rows):
            told.append(f"{name}: {len(new)} new rows, such as {sorted(new)[0][:200]}")
    return told


# What forms ask for beside ids, so that they are refused for whose things they are about, not for a missing field.
PLAUSIBLE = {
    "name": "Somebody", "login": "somebody", "password": "correct horse battery", "contact": "13800000000",
    "quantity": "1", "pay_method": "wallet", "request_key": "ABCDEFGHIJKLMNOPQRST", "amount": "1.00", "price": "9.99",
    "max_quantity": "10", "min_quantity": "1", "state": "on_sale", "paused": "yes", "on_sale": "yes",
    "note": "note", "reason": "a reason", "key_name": "key", "role": "service", "provider": "epay",
    "base_url": "http://127.0.0.1:9", "merchant_id": "1", "key_password": "secret", "direction": "in",
    "staff_login": "somebody", "staff_name": "Somebody", "staff_password": "correct horse battery", "text": "text",
    "email": "somebody@example.test", "enabled": "yes", "value": "1", "confirm": "yes",
}  # fmt: skip


async def warm(door: HostDispatch, app: Any, insiders: Sequence[Stranger], victim: Victim) -> set[str]:
    """B's own people look at everything of B, so that whatever a process may keep of it is kept. Returns the names of
    the parameters whose values were answered: those ids are real, and their pages show B's words."""
    real: set[str] = set()
    for insider in insiders:
        for route in covered(app, victim):
            for path in route.filled(victim.values) if _is_page(route) else ():
                answer = await insider.ask(door, victim.shop.tenant.host, "GET", path, {})
                if answer.status_code == 200:
                    real |= set(route.parameters)
    return real


def _is_page(route: Route) -> bool:
    return route.method == "GET" and not route.path.endswith(ENDLESS)
