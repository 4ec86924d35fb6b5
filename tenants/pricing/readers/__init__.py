"""Reading what a feed answers: a shop of acg-faka, a table, or JSON. The call itself is not here."""

from collections.abc import Callable, Mapping, Sequence

from tenants.pricing.errors import FeedUnreadable
from tenants.pricing.readers import acg, table, tree
from tenants.pricing.readers.article import MOST_ARTICLES, Article, Options

__all__ = ["Article", "Options", "address", "read"]

READERS: Mapping[str, Callable[[bytes, Options], Sequence[Article]]] = {
    "acg": acg.read,
    "csv": table.read,
    "json": tree.read,
}


def address(kind: str, url: str) -> str:
    """What is asked for: for a shop, its list of products."""
    return acg.address(url) if kind == "acg" else url


def read(kind: str, body: bytes, options: Options) -> dict[str, Article]:
    """The articles by their key; of several with one key the last. Raises `FeedUnreadable`."""
    found = {one.article: one for one in READERS[kind](body, options)}
    if not found:
        raise FeedUnreadable("The answer lists nothing with a price.")
    if len(found) > MOST_ARTICLES:
        raise FeedUnreadable("The answer lists more than %(most)s articles.", most=f"{MOST_ARTICLES:,}")
    return found
