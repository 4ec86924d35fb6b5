"""On which cases a rule works. Pure."""

from collections.abc import Sequence

from msgspec import Struct


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of a case when it is opened. `category_ids` are the product's category and those above it;
    `buyer_words` is what the buyer is found by: name, login, contact; `buyer_days` is how long he has been one."""

    kind: str
    product_id: int
    product_name: str
    category_ids: Sequence[int]
    amount_cents: int
    buyer_kind: str
    buyer_rank: int
    buyer_words: str
    buyer_days: int


class Condition(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of it has to be so; what is empty or None asks for nothing. `products` and `categories` together: one of
    either."""

    kinds: Sequence[str]
    products: Sequence[int] = ()
    categories: Sequence[int] = ()
    least_cents: int | None = None
    most_cents: int | None = None
    buyer_kind: str = ""
    least_rank: int = 0
    words: str = ""
    newest_days: int | None = None

    def fits(self, facts: Facts) -> bool:
        return (
            facts.kind in self.kinds
            and self._fits_product(facts)
            and (self.least_cents is None or facts.amount_cents >= self.least_cents)
            and (self.most_cents is None or facts.amount_cents <= self.most_cents)
            and self.buyer_kind in ("", facts.buyer_kind)
            and facts.buyer_rank >= self.least_rank
            and self.words.lower() in facts.buyer_words.lower()
            and (self.newest_days is None or facts.buyer_days <= self.newest_days)
        )

    def _fits_product(self, facts: Facts) -> bool:
        if not self.products and not self.categories:
            return True
        return facts.product_id in self.products or not set(self.categories).isdisjoint(facts.category_ids)
