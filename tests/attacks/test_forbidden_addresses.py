"""Addresses that strangers write: feeds, webhooks, callbacks, gateways. None leads into the master's own network."""

import socket

import pytest
from msgspec import structs

from kameng.infra.http import AddressForbidden, NotSent, Outbound
from kameng.infra.runtime import Runtime, running
from tests.support.liar import running_liar

WRITTEN = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "a.localhost",
    "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
]  # fmt: skip


@pytest.mark.parametrize("host", WRITTEN)
async def test_loopback_is_loopback_however_it_is_written(host: str) -> None:
    async with running_liar(lambda _: (200, b"inside")) as inside:
        outbound = Outbound()
        with pytest.raises(AddressForbidden):
            await outbound.request("GET", f"http://{host}:{inside.url.rpartition(':')[2]}/")
        await outbound.aclose()

        assert inside.asked == []


async def test_an_address_in_octal_is_none() -> None:
    outbound = Outbound(allow_private=True)
    with pytest.raises(NotSent, match="malformed"):
        await outbound.request("GET", "http://0177.0.0.1/")
    await outbound.aclose()


async def test_a_name_that_changes_between_two_looks_is_looked_at_where_it_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The form asked and was told of the open Internet; when the call is made the name leads inside."""
    loop_s = socket.getaddrinfo

    def turning(host: str, *more: object, **named: object) -> object:
        return loop_s("127.0.0.1" if host == "turning.example" else host, *more, **named)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(socket, "getaddrinfo", turning)
    async with running_liar(lambda _: (200, b"inside")) as inside:
        outbound = Outbound()
        with pytest.raises(AddressForbidden):
            await outbound.request("GET", f"http://turning.example:{inside.url.rpartition(':')[2]}/")
        await outbound.aclose()

        assert inside.asked == []


async def test_suppliers_in_the_masters_network_open_it_to_no_station(runtime: Runtime) -> None:
    """Feeds and webhooks went through the same door as suppliers: who let one into his rack let all owners in, and the
    log of a webhook showed them the answer."""
    settings = structs.replace(runtime.settings, allow_private_suppliers=True, allow_private_stations=False)
    async with running(settings) as opened, running_liar(lambda _: (200, b"inside")) as inside:
        assert (await opened.upstream.request("GET", inside.url)).body == b"inside"
        with pytest.raises(AddressForbidden):
            await opened.outbound.request("GET", inside.url)

        assert len(inside.asked) == 1
