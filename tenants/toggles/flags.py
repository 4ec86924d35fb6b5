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
REPLENISHMENT = Flag(
    key="module.replenishment",
    title=N_("Replenishment"),
    description=N_("The page that reminds of products that run short, and keeps what was ordered from whom."),
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
PRICING = Flag(
    key="module.pricing",
    title=N_("Repricing"),
    description=N_("Prices that follow rules, costs and competitors. Rules that are automatic go on without the page."),
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
TICKETS = Flag(
    key="module.tickets",
    title=N_("Tickets"),
    description=N_("The queue of what buyers ask and complain about. Without it their tickets stay where they are."),
    default=True,
    is_module=True,
)
DESK = Flag(
    key="module.desk",
    title=N_("Exception desk"),
    description=N_("The queue of orders that got stuck, and its rules. Without it the rules still work, unseen."),
    default=True,
    is_module=True,
)
SWAPS = Flag(
    key="shop.swaps",
    title=N_("Something else instead"),
    description=N_("Buyers of what is short can take an equivalent product that they are offered, with one press."),
    default=True,
)
CATEGORIES = Flag(
    key="module.categories",
    title=N_("Categories"),
    description=N_("The page where categories are made. Those that are there stay in the shop."),
    default=True,
    is_module=True,
)
LISTING = Flag(
    key="module.listing",
    title=N_("Listing in bulk"),
    description=N_("The page where many goods of the master are listed at once, at prices by a template."),
    default=True,
    is_module=True,
)
LEVELS = Flag(
    key="module.levels",
    title=N_("Levels of buyers"),
    description=N_("The page where levels are made. Products that are kept for a level stay so."),
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
WITHDRAWALS = Flag(
    key="module.withdrawals",
    title=N_("Earnings and withdrawals"),
    description=N_("What the master station holds for this one, and having it paid out."),
    default=True,
    is_module=True,
)
STATEMENTS = Flag(
    key="module.statements",
    title=N_("Statement"),
    description=N_("Opening balance, sums and closing balance for any days, also as a file."),
    default=True,
    is_module=True,
)
MARKETING = Flag(
    key="module.marketing",
    title=N_("Marketing"),
    description=N_("The room where coupons are made and watched. Coupons that are there go on counting."),
    default=True,
    is_module=True,
)
GUEST_CHECKOUT = Flag(
    key="shop.guest_checkout",
    title=N_("Buying without an account"),
    description=N_("Whoever has no account can buy as a guest. Without it the shop asks to log in or register first."),
    default=True,
)
HELP = Flag(
    key="shop.tickets",
    title=N_("Help by ticket"),
    description=N_("Buyers can say that something is wrong with an order, with pictures, and are answered there."),
    default=True,
)
GUEST_LOOKUP = Flag(
    key="shop.guest_lookup",
    title=N_("Looking up an order by password"),
    description=N_("Whoever bought with a query password can open that order in any browser."),
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
HOLD_STOCK = Flag(
    key="shop.hold_stock",
    title=N_("Keeping cards for unpaid orders"),
    description=N_("Cards of an order that waits for its payment are kept for it until the time to pay is over."),
    default=True,
)
UNPAID_ORDERS = Flag(
    key="shop.unpaid_orders",
    title=N_("Unpaid orders of one buyer"),
    description=N_("How many orders one buyer may leave unpaid while cards are kept for them."),
    default=3,
    least=1,
    most=50,
)
CART = Flag(
    key="shop.cart",
    title=N_("Cart"),
    description=N_("Buyers can put several products into a cart and pay for them together."),
    default=True,
)
COUPONS = Flag(
    key="shop.coupons",
    title=N_("Coupons in the shop"),
    description=N_("Buyers can use coupons. Without it no code counts; what was ordered with one keeps its price."),
    default=True,
)
SHELF_ORDER = Flag(
    key="shop.shelf_order",
    title=N_("Order of products"),
    description=N_("What stands first in the shop. Margins and sales are counted every few minutes."),
    default="hand",
    choices={"hand": N_("As I place them"), "margin": N_("The best margin first"), "sales": N_("Best sellers first")},
)
SOLD_OUT_LAST = Flag(
    key="shop.sold_out_last",
    title=N_("What is sold out stands last"),
    description=N_("Products that are sold out go to the end of the shelf. Looked at every few minutes."),
    default=False,
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
        REPLENISHMENT,
        CHANNELS,
        PRICING,
        AUDIT,
        FEATURES,
        PAGES,
        DOMAINS,
        TICKETS,
        DESK,
        SWAPS,
        CATEGORIES,
        LISTING,
        LEVELS,
        OPEN_API,
        WITHDRAWALS,
        STATEMENTS,
        MARKETING,
        GUEST_CHECKOUT,
        HELP,
        GUEST_LOOKUP,
        TOPUP,
        STOCK,
        SALES,
        NOTICE,
        PAYMENT_MINUTES,
        HOLD_STOCK,
        UNPAID_ORDERS,
        CART,
        COUPONS,
        SHELF_ORDER,
        SOLD_OUT_LAST,
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
