"""Which product a competitor's article could be. Pure; a person decides.

Names are compared by the pairs of neighbouring signs they share (the Dice coefficient), which serves Chinese as well as
Latin letters; figures must agree, for a card of 50 is not one of 100.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from unicodedata import normalize

ALIKE_FROM = 0.35
FIGURES = re.compile(r"\d+(?:\.\d+)?")


def suggest(name: str, products: Sequence[tuple[int, str]]) -> int | None:
    """The product whose name is most like this one; None where none is alike."""
    best = max(((likeness(name, own), product_id) for product_id, own in products), default=(0.0, 0))
    return best[1] if best[0] >= ALIKE_FROM else None


def likeness(one: str, other: str) -> float:
    """From 0 to 1."""
    pairs, figures = _read(one)
    other_pairs, other_figures = _read(other)
    if figures and other_figures and figures != other_figures:
        return 0.0
    total = len(pairs) + len(other_pairs)
    return 2 * len(pairs & other_pairs) / total if total else 0.0


@lru_cache(maxsize=8192)
def _read(name: str) -> tuple[frozenset[str], frozenset[str]]:
    plain = normalize("NFKC", name).casefold()
    signs = "".join(sign for sign in plain if sign.isalnum())
    return frozenset(signs[at : at + 2] for at in range(len(signs) - 1)), frozenset(FIGURES.findall(plain))
