"""Which protocols there are, what an account of each needs, and what it can do."""

from collections.abc import Callable

from msgspec import Struct

from kameng.infra.crypto import Sealer
from kameng.infra.runtime import Runtime
from supplier_gateway.adapters.acg.client import AcgAdapter
from supplier_gateway.adapters.acg.v4 import Acg4Adapter
from supplier_gateway.adapters.manual.client import ManualAdapter
from supplier_gateway.adapters.sandbox.client import SandboxAdapter
from supplier_gateway.port import SupplierAdapter


class UnknownProtocol(Exception):
    """An account names a protocol that no adapter speaks: a fault of the configuration."""


class Account(Struct, frozen=True, kw_only=True):
    """One account at one supplier, opened. `secret_before` may still sign callbacks; empty when it may not."""

    supplier_id: int
    name: str
    base_url: str
    account: str
    secret: str
    secret_before: str
    callback_url: str


class Entry(Struct, frozen=True, kw_only=True):
    """One protocol.

    `make` opens an account. `needs` are the fields that an account has. `has_find`: it can be asked what became of an
    order by our own reference, so every unknown purchase resolves itself. `idempotent`: a repeated reference is the
    first order. `calls_back`, `has_balance`, `has_goods`: it has such a thing. `by_hand`: a person works on it.
    """

    code: str
    make: Callable[[Runtime, Sealer, Account], SupplierAdapter]
    needs: tuple[str, ...] = ("base_url", "account", "secret")
    has_find: bool = True
    idempotent: bool = True
    calls_back: bool = False
    has_balance: bool = True
    has_goods: bool = True
    by_hand: bool = False


def entry(code: str) -> Entry:
    """Raises `UnknownProtocol`."""
    if code not in PROTOCOLS:
        raise UnknownProtocol(code)
    return PROTOCOLS[code]


def _sandbox(runtime: Runtime, _: Sealer, account: Account) -> SupplierAdapter:
    return SandboxAdapter(
        account.base_url,
        account.account,
        account.secret,
        runtime.upstream,
        runtime.settings.supplier_timeout_s,
        account.callback_url,
        tuple(secret for secret in (account.secret, account.secret_before) if secret),
    )


def _acg(runtime: Runtime, _: Sealer, account: Account) -> SupplierAdapter:
    timeout_s = runtime.settings.supplier_timeout_s
    return AcgAdapter(account.base_url, account.account, account.secret, runtime.upstream, timeout_s)


def _acg4(runtime: Runtime, _: Sealer, account: Account) -> SupplierAdapter:
    timeout_s = runtime.settings.supplier_timeout_s
    return Acg4Adapter(account.base_url, account.account, account.secret, runtime.upstream, timeout_s)


def _manual(runtime: Runtime, sealer: Sealer, account: Account) -> SupplierAdapter:
    return ManualAdapter(runtime.database, sealer, account.supplier_id, account.name)


PROTOCOLS = {
    entry.code: entry
    for entry in (
        Entry(code="sandbox", make=_sandbox, calls_back=True),
        Entry(code="acg", make=_acg, has_find=False, idempotent=False),
        Entry(code="acg4", make=_acg4, has_find=False, idempotent=False),
        Entry(code="manual", make=_manual, needs=(), has_balance=False, has_goods=False, by_hand=True),
    )
}
