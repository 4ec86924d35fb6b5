"""The forms of a supplier's account, and what a supplier says to whoever tests the connection."""

import time
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct

from admin_ui import words
from admin_ui.fields import check_web_address
from kameng.core.errors import Invalid
from kameng.core.money import format_cents, to_cents, to_yuan
from kameng.web.forms import Form
from kameng.web.i18n import N_, gettext
from supplier_gateway.adapters.registry import PROTOCOLS
from supplier_gateway.port import Greeting, SupplierAdapter, SupplierUnavailable
from supplier_gateway.suppliers.service import STOCK, AccountChange, Supplier

Level = Annotated[Decimal, Meta(extra={"ge": "0", "le": "100000000", "places": 2})]
Address = Annotated[str, Meta(max_length=200)]
AccountName = Annotated[str, Meta(max_length=80)]
Key = Annotated[str, Meta(max_length=200, extra={"secret": True})]
FIELD_OF = {"base_url": "base_url", "account": "account", "secret": "secret_password"}


class SupplierForm(Struct, frozen=True):
    """A new account. `secret_password` is its key, named so that no page draws it back; `low_balance` in yuan."""

    protocol: Literal["sandbox", "acg", "acg4", "manual", "stock"]
    name: Annotated[str, Meta(min_length=1, max_length=40)] = ""
    base_url: Address = ""
    account: AccountName = ""
    secret_password: Key = ""
    low_balance: Level | None = None

    def check(self, *, with_name: bool = True) -> None:
        """That the account has what its protocol needs. Raises `Invalid`."""
        needs = () if self.protocol == STOCK else PROTOCOLS[self.protocol].needs
        given = {"base_url": self.base_url, "account": self.account, "secret": self.secret_password}
        wrong = {FIELD_OF[name]: "Fill this in." for name in needs if not given[name]}
        if with_name and not self.name:
            wrong["name"] = "Fill this in."
        if wrong:
            raise Invalid(wrong | _wrong_address(self.base_url if "base_url" in needs else ""))
        if "base_url" in needs:
            check_web_address(self.base_url, "base_url")

    @property
    def low_balance_cents(self) -> int | None:
        return None if self.low_balance is None else to_cents(self.low_balance)

    def trial(self) -> Supplier:
        """An account that is nowhere kept, to test what stands in the form."""
        return Supplier(id=0, name=self.name, protocol=self.protocol, base_url="", account="", callback_token="")

    def wanted(self) -> AccountChange:
        return AccountChange(self.base_url, self.account, self.low_balance_cents, self.secret_password)


class AccountForm(Struct, frozen=True):
    """Another address, account or key. An empty key keeps the one there is; `untested` saves what does not answer."""

    base_url: Address = ""
    account: AccountName = ""
    secret_password: Key = ""
    low_balance: Level | None = None
    untested: bool = False

    def change_of(self, supplier: Supplier) -> AccountChange:
        """What is asked for. Raises `Invalid`: a key goes to no other address or account than it was given for."""
        needs = PROTOCOLS[supplier.protocol].needs
        wrong = _wrong_address(self.base_url) if "base_url" in needs else {}
        if "account" in needs and not self.account:
            wrong["account"] = "Fill this in."
        moved = (self.base_url, self.account) != (supplier.base_url, supplier.account)
        if needs and moved and not self.secret_password:
            wrong["secret_password"] = N_("Write the key again: the address or the account is another.")
        if wrong:
            raise Invalid(wrong)
        low = None if self.low_balance is None else to_cents(self.low_balance)
        return AccountChange(self.base_url, self.account, low, self.secret_password or UNSET)

    def asks_anew(self, supplier: Supplier) -> bool:
        """Whether the connection is another one, so that it has to be tested."""
        moved = (self.base_url, self.account) != (supplier.base_url, supplier.account)
        return moved or bool(self.secret_password)


class Trial(Struct, frozen=True):
    """What came of a test: the greeting, or why there is none, in words. `took_ms` from the question to the answer."""

    greeting: Greeting | None
    problem: str
    took_ms: int

    @property
    def text(self) -> str:
        if self.greeting is None:
            return self.problem
        name = self.greeting.shop_name or gettext("The supplier")
        if self.greeting.balance_cents is None:
            return gettext("%(shop)s answered in %(ms)s ms.", shop=name, ms=self.took_ms)
        balance = format_cents(self.greeting.balance_cents)
        return gettext(
            "%(shop)s answered in %(ms)s ms. The supplier holds %(balance)s of ours.",
            shop=name,
            ms=self.took_ms,
            balance=balance,
        )


async def try_out(adapter: SupplierAdapter) -> Trial:
    """Asks the supplier now. Not for the inside of a transaction."""
    began = time.monotonic()
    try:
        greeting, problem = await adapter.greet(), ""
    except SupplierUnavailable as silent:
        greeting, problem = None, words.say("fault", str(silent.fault))
        if silent.detail:
            problem = gettext("%(fault)s: %(detail)s", fault=problem, detail=silent.detail)
    return Trial(greeting, problem, round((time.monotonic() - began) * 1000))


def filled(supplier: Supplier) -> Form:
    """The account as it stands, but for its key."""
    low = supplier.low_balance_cents
    return Form(
        values={
            "base_url": supplier.base_url,
            "account": supplier.account,
            "low_balance": "" if low is None else str(to_yuan(low)),
        }
    )


def _wrong_address(address: str) -> dict[str, str]:
    if not address:
        return {}
    try:
        check_web_address(address, "base_url")
    except Invalid as wrong:
        return dict(wrong.errors)
    return {}
