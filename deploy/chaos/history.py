"""What is known of one short run of one station, from all sides: its buyers, its database, its suppliers, its gateway.

Plain values: the checker needs nothing else, and a test writes them down by hand. Money in cents.
"""

from msgspec import Struct

FINAL = ("delivered", "partial", "expired", "cancelled", "refunded")


class Request(Struct, frozen=True, kw_only=True):
    """One form of a buyer, however often it was sent. `told` are the numbers that the answers named, of its order or,
    of a cart, of its basket; `refused` why it became none. Without either nobody has ever answered, and it may be an
    order or not."""

    key: str
    buyer: str
    is_basket: bool = False
    told: tuple[str, ...] = ()
    refused: str = ""


class Order(Struct, frozen=True, kw_only=True):
    """An order as the station has it. `charged_cents` is what the ledger has taken from the wallet for it, less what it
    has put back; `keys` are the cards it holds; `shown` are those that its buyer was shown, None: he did not look.
    `after_sale_cents` of what was refunded was given back by a person, and the goods stayed with the buyer."""

    id: str
    no: str
    key: str
    buyer: str
    state: str
    kind: str
    quantity: int
    delivered: int
    total_cents: int
    refunded_cents: int
    charged_cents: int
    keys: tuple[str, ...] = ()
    shown: tuple[str, ...] | None = None
    coupon: str = ""
    basket: str = ""
    after_sale_cents: int = 0


class Given(Struct, frozen=True, kw_only=True):
    """What a person of the station wanted to give back of an order, however often he pressed. `done`: he was told that
    it was; `refused`: that it was not. Without either he never heard."""

    key: str
    no: str
    cents: int
    done: bool = False
    refused: str = ""


class Refund(Struct, frozen=True, kw_only=True):
    """What the station's books say was given back after a sale, and by whose request."""

    key: str
    no: str
    cents: int


class Handed(Struct, frozen=True, kw_only=True):
    """A card that a person of the station wanted to hand over for an order. `done`: he was told that it was."""

    key: str
    no: str
    done: bool = False


class Purchase(Struct, frozen=True, kw_only=True):
    """A purchase as the master has it; `booked_cents` is what the ledger has of its cost."""

    reference: str
    order_id: str
    state: str
    quantity: int
    units: int = 0
    cost_cents: int = 0
    booked_cents: int = 0
    cards: tuple[str, ...] = ()


class Bought(Struct, frozen=True, kw_only=True):
    """An order in a supplier's own book that was not called off. `tells_cost`: its protocol tells what it has charged,
    whatever becomes of an answer."""

    reference: str
    supplier: str
    units: int
    cost_cents: int
    cards: tuple[str, ...] = ()
    tells_cost: bool = True


class Payment(Struct, frozen=True, kw_only=True):
    """A payment: ours, or as the gateway's own book has it."""

    no: str
    cents: int
    is_paid: bool
    buyer: str = ""


class Wallet(Struct, frozen=True, kw_only=True):
    """A buyer's money: what he began with, and what he has now."""

    buyer: str
    began_cents: int
    balance_cents: int


class Account(Struct, frozen=True, kw_only=True):
    """An account of the ledger with a balance, and the sum of its entries."""

    name: str
    balance_cents: int
    entries_cents: int


class Card(Struct, frozen=True, kw_only=True):
    """Where a card of a stock is: pool, held, issued or aside."""

    key: str
    place: str


class Coupon(Struct, frozen=True, kw_only=True):
    """A coupon's limits, and how often it was counted as used. None: no limit."""

    code: str
    uses: int
    most: int | None = None
    most_each: int | None = None


class History(Struct, frozen=True, kw_only=True):
    """`imported` are the cards that were put into the stocks of its goods and products; `cards` is where they are, and
    whatever else is there. `unbalanced` names transfers that do not sum to zero. `settle_s` is how long it took after
    the last fault until every order was final and every purchase clear, at most `deadline_s`."""

    seed: int
    station: str
    requests: tuple[Request, ...] = ()
    orders: tuple[Order, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    bought: tuple[Bought, ...] = ()
    payments: tuple[Payment, ...] = ()
    gateway: tuple[Payment, ...] = ()
    wallets: tuple[Wallet, ...] = ()
    accounts: tuple[Account, ...] = ()
    unbalanced: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()
    cards: tuple[Card, ...] = ()
    coupons: tuple[Coupon, ...] = ()
    given: tuple[Given, ...] = ()
    handed: tuple[Handed, ...] = ()
    refunds: tuple[Refund, ...] = ()
    settle_s: float = 0.0
    deadline_s: float = 0.0
