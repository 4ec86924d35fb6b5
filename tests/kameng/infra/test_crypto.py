"""What is sealed opens in its own place only."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from kameng.infra.crypto import Keyring, Sealer, Unsealable
from kameng.infra.runtime import Runtime

SEALER = Sealer("tenant_1", os.urandom(32))


@given(st.text(max_size=200), st.uuids())
def test_a_sealed_secret_opens_and_never_looks_the_same_twice(secret: str, row: object) -> None:
    first, second = SEALER.seal("cards.secret", str(row), secret), SEALER.seal("cards.secret", str(row), secret)

    assert SEALER.open("cards.secret", str(row), first) == secret
    assert first != second
    assert SEALER.fingerprint(secret) == SEALER.fingerprint(secret)


def test_a_value_copied_to_another_place_does_not_open() -> None:
    sealed = SEALER.seal("cards.secret", 1, "KEY")
    key = os.urandom(32)
    attempts = [
        (SEALER, "cards.secret", 2, sealed),
        (SEALER, "suppliers.secret", 1, sealed),
        (Sealer("tenant_2", key), "cards.secret", 1, Sealer("tenant_1", key).seal("cards.secret", 1, "KEY")),
        (SEALER, "cards.secret", 1, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (SEALER, "cards.secret", 1, b"\x02" + sealed[1:]),
        (SEALER, "cards.secret", 1, b""),
    ]
    for sealer, place, row, value in attempts:
        with pytest.raises(Unsealable):
            sealer.open(place, row, value)


async def test_each_scope_has_a_key_of_its_own_and_another_vault_key_opens_none(runtime: Runtime) -> None:
    keyring = Keyring(runtime.database, runtime.settings.vault_key)
    one, again = await keyring.sealer("tenant_901"), await runtime.keyring.sealer("tenant_901")
    other = await keyring.sealer("tenant_902")

    assert again.open("cards.secret", 1, one.seal("cards.secret", 1, "KEY")) == "KEY"
    assert one.fingerprint("KEY") != other.fingerprint("KEY")
    stranger = Keyring(runtime.database, "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
    with pytest.raises(Unsealable):
        await stranger.sealer("tenant_901")


async def test_no_key_stands_in_the_database_in_clear(runtime: Runtime) -> None:
    await runtime.keyring.sealer("tenant_903")
    async with runtime.database.master_session() as session:
        row = await session.execute(text("SELECT sealed FROM data_keys WHERE scope = 'tenant_903'"))
    assert len(row.scalar_one()) > 32 + 12 + 16
