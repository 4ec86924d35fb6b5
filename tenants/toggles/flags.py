"""Every flag there is. A flag's type is that of its default; whoever reads a flag names one of these constants.

A module is a room of the station's console: switched off, it is gone from the menu and its routes answer 404. Its
routes say `opt = flags.ROOM.opt`, its entry of the navigation `flag=flags.ROOM.key` (admin_ui/frame.py).
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from msgspec import Struct

from kameng.core.errors import Invalid
from kameng.web.i18n import N_, gettext
from tenants.toggles.errors import FlagGone

Value = bool | int | str
ON, OFF = "on", "off"
LONGEST_NUMBER = 9


class Kind(StrEnum):
    BOOLEAN = "boolean"
    NUMBER = "number"
    CHOICE = "choice"


class Flag(Struct, frozen=True, kw_only=True):
    """`title` and `description` are msgids, as are the values of `choices`. `for_owner`: the station may choose, unless
    the master says otherwise; else only the master sees it. `expires`: by then it should have become plain code."""

    key: str
    title: str
    description: str
    default: Value
    choices: Mapping[str, str] = {}
    least: int = 0
    most: int = 0
    is_module: bool = False
    for_owner: bool = True
    expires: date | None = None

    @property
    def kind(self) -> Kind:
        if isinstance(self.default, bool):
            return Kind.BOOLEAN
        return Kind.NUMBER if isinstance(self.default, int) else Kind.CHOICE

    @property
    def opt(self) -> dict[str, str]:
        """What a route or a controller says that exists only where this flag is on."""
        return {"flag": self.key}

    def accepts(self, value: object) -> bool:
        """Whether `value` is one that this flag can have."""
        if self.kind is Kind.BOOLEAN:
            return isinstance(value, bool)
        if self.kind is Kind.NUMBER:
            return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most
        return isinstance(value, str) and value in self.choices

    def write(self, value: object) -> str:
        """A value as forms, files and the audit log carry it; nothing for None."""
        if value is None:
            return ""
        return (ON if value else OFF) if isinstance(value, bool) else str(value)

    def read(self, text: str, field: str = "value") -> Value:
        """The reverse of `write`. Raises `Invalid` at `field`."""
        value: Value = text
        if self.kind is Kind.BOOLEAN and text in (ON, OFF):
            value = text == ON
        elif self.kind is Kind.NUMBER and text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER:
            value = int(text)
        if not self.accepts(value):
            raise Invalid({field: self.complaint()})
        return value

    def complaint(self) -> str:
        """What is wrong with a value that it does not accept, in the reader's language."""
        if self.kind is Kind.NUMBER:
            return gettext(
                "Write a whole number between %(least)s and %(most)s.",
                least=self.least, most=self.most,
            )  # fmt: skip
        return gettext("Choose one of the list.")


BUYERS = Flag(
    key="module.buyers",
    title=N_("Buyers"),
    description=N_("The list of your buyers with their balances and orders."),
    default=True,
    is_module=True,
)
STOCK_ROOM = Flag(
    key="module.stock",
    title=N_("Card stock"),
    description=N_("The room where cards are imported, counted and set aside. What is in stock goes on being sold."),
    default=True,
    is_module=True,
)
CHANNELS = Flag(
    key="module.channels",
    title=N_("Payment channels"),
    description=N_("The page where gateways are added and paused. Channels that are open go on taking payments."),
    default=True,
    is_module=True,
)
AUDIT = Flag(
    key="module.audit",
    title=N_("Audit log"),
    description=N_("Who did what in this console. It is written down whether or not it is shown."),
    default=True,
    is_module=True,
)
FEATURES = Flag(
    key="module.features",
    title=N_("Features"),
    description=N_("The page where the owner switches features."),
    default=True,
    is_module=True,
    for_owner=False,
)
PAGES = Flag(
    key="module.pages",
    title=N_("Shop pages"),
    description=N_("Pages of your own, such as questions and answers. Published ones stay in the shop."),
    default=True,
    is_module=True,
)
DOMAINS = Flag(
    key="module.domains",
    title=N_("Domains"),
    description=N_("The page where domains of your own are added. Domains that are served go on being served."),
    default=True,
    is_module=True,
)
OPEN_API = Flag(
    key="module.open_api",
    title=N_("Buying by machine"),
    description=N_("Other shops buy here with a key, from a member's wallet. Without it their requests find nothing."),
    default=True,
    is_module=True,
)
GUEST_CHECKOUT = Flag(
    key="shop.guest_checkout",
    title=N_("Buying without an account"),
    description=N_("Whoever has no account can buy as a guest. Without it the shop asks to log in or register first."),
    default=True,
)
TOPUP = Flag(
    key="shop.topup",
    title=N_("Topping up the wallet"),
    description=N_("Buyers can pay money into their wallet. What is in it can be spent either way."),
    default=True,
)
STOCK = Flag(
    key="shop.stock",
    title=N_("Stock"),
    description=N_("Products show whether they are in stock and how few are left. What is sold out always says so."),
    default=True,
)
SALES = Flag(
    key="shop.sales",
    title=N_("Sales count"),
    description=N_("Products show how often they were sold."),
    default=True,
)
NOTICE = Flag(
    key="shop.notice",
    title=N_("Notice of the shop"),
    description=N_("The shop's notice stands on top of its first page."),
    default=True,
)
PAYMENT_MINUTES = Flag(
    key="shop.payment_minutes",
    title=N_("Minutes to pay"),
    description=N_("How long an order waits for its payment. Money that comes later goes to the buyer's wallet."),
    default=15,
    least=5,
    most=120,
)
HOME_LAYOUT = Flag(
    key="shop.home_layout",
    title=N_("Layout of the shelf"),
    description=N_("How the first page shows products: side by side, or one in a line. On trial."),
    default="grid",
    choices={"grid": N_("Side by side"), "list": N_("One in a line")},
    expires=date(2027, 6, 30),
)

FLAGS: Mapping[str, Flag] = {
    flag.key: flag
    for flag in (
        BUYERS,
        STOCK_ROOM,
        CHANNELS,
        AUDIT,
        FEATURES,
        PAGES,
        DOMAINS,
        OPEN_API,
        GUEST_CHECKOUT,
        TOPUP,
        STOCK,
        SALES,
        NOTICE,
        PAYMENT_MINUTES,
        HOME_LAYOUT,
    )
}
DEFAULTS: Mapping[str, Value] = {flag.key: flag.default for flag in FLAGS.values()}


def flag_of(key: str) -> Flag:
    """Raises `FlagGone`."""
    found = FLAGS.get(key)
    if found is None:
        raise FlagGone
    return found
