"""Envelope encryption. The vault key seals one data key per scope; a data key seals values with AES-256-GCM.

A sealed value is `version (1) | nonce (12) | ciphertext and tag`. Its associated data is `scope/table.column/row`, so a
value copied to another table, column, row or tenant does not open. AES-GCM: NIST SP 800-38D; key derivation for
fingerprints: HKDF-SHA256, RFC 5869. When a scope's data key is destroyed, all that it sealed is gone.
"""

import asyncio
import base64
import hmac
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.db import Database

VERSION = b"\x01"
NONCE_BYTES = 12
MASTER = "master"
TENANT = "tenant_"
LIFETIME_S = 300.0  # then a process has dropped a tenant's key and reads it again, if it is still there

# A closed tenant's key was destroyed, and it gets no other.
MAKE = text(
    "INSERT INTO data_keys (scope, sealed) SELECT :scope, :sealed"
    " WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE id = :tenant_id AND state = 'closed') ON CONFLICT DO NOTHING"
)
FIND = text("SELECT sealed FROM data_keys WHERE scope = :scope")


class Unsealable(Exception):
    """The value was not sealed with this key for this place. A bug or tampering, never a user's mistake."""


class KeyDestroyed(Unsealable):
    """The tenant is closed: its key is gone, and with it all that it sealed."""


class Sealer:
    """Seals and opens the secrets of one scope."""

    def __init__(self, scope: str, key: bytes) -> None:
        self.scope = scope
        self._cipher = AESGCM(key)
        derive = HKDF(SHA256(), length=32, salt=None, info=b"kameng fingerprint")
        self._fingerprint_key = derive.derive(key)

    def seal(self, place: str, row: UUID | str | int, secret: str) -> bytes:
        """Encrypts `secret` for `place` (`table.column`) and `row`."""
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, secret.encode(), self._bound(place, row))

    def open(self, place: str, row: UUID | str | int, sealed: bytes) -> str:
        """The secret again. Raises `Unsealable`."""
        if sealed[:1] != VERSION:
            raise Unsealable(f"{place} {row}: unknown version")
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, self._bound(place, row)).decode()
        except InvalidTag:
            raise Unsealable(f"{place} {row}") from None

    def fingerprint(self, secret: str) -> bytes:
        """32 bytes that are equal for equal secrets of this scope and tell nothing of them."""
        return hmac.digest(self._fingerprint_key, secret.encode(), "sha256")

    def _bound(self, place: str, row: UUID | str | int) -> bytes:
        return f"{self.scope}/{place}/{row}".encode()


class Vault(Struct, frozen=True):
    """The two sealers a sale needs: cards are opened with the master's and sealed again with the tenant's."""

    master: Sealer
    tenant: Sealer


class Keyring:
    """The data keys of this deployment, opened with the vault key. The master's stays in the process, a tenant's for
    `lifetime_s`: so the key of a closed tenant leaves the memory of every process by itself.
    """

    def __init__(self, database: Database, vault_key: str, lifetime_s: float = LIFETIME_S) -> None:
        self.database = database
        self.lifetime_s = lifetime_s
        self._vault = Sealer("vault", base64.b64decode(vault_key))
        self._open: dict[str, Sealer] = {}

    async def master(self) -> Sealer:
        return await self.sealer(MASTER)

    async def tenant(self, tenant_id: int) -> Sealer:
        return await self.sealer(f"{TENANT}{tenant_id}")

    def forget(self, tenant_id: int) -> None:
        """Drops a tenant's key from this process; for whoever has just destroyed it."""
        self._open.pop(f"{TENANT}{tenant_id}", None)

    async def vault(self, tenant_id: int) -> Vault:
        return Vault(await self.master(), await self.tenant(tenant_id))

    async def sealer(self, scope: str) -> Sealer:
        """The sealer of `scope`; its key is made at first use. Raises `Unsealable` under a wrong vault key,
        `KeyDestroyed` for a closed tenant."""
        if scope not in self._open:
            async with self.database.master_session() as session:
                sealed = await self._data_key(session, scope)
            key = base64.b64decode(self._vault.open("data_keys.sealed", scope, sealed))
            self._open[scope] = Sealer(scope, key)
            if scope != MASTER:
                asyncio.get_running_loop().call_later(self.lifetime_s, self._open.pop, scope, None)
        return self._open[scope]

    async def _data_key(self, session: AsyncSession, scope: str) -> bytes:
        fresh = base64.b64encode(AESGCM.generate_key(256)).decode()
        number = scope.removeprefix(TENANT)
        values = {
            "scope": scope,
            "sealed": self._vault.seal("data_keys.sealed", scope, fresh),
            "tenant_id": int(number) if number.isdigit() else None,
        }
        await session.execute(MAKE, values)
        sealed = (await session.execute(FIND, {"scope": scope})).scalar_one_or_none()
        if sealed is None:
            raise KeyDestroyed(scope)
        return bytes(sealed)
