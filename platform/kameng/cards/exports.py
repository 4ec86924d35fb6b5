"""Cards in clear, as files. Who may have them, and that it is written down, is the caller's to see to."""

import io
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards import shelves
from kameng.cards.service import PLACE
from kameng.cards.shelves import MOST_COUNTED, Chosen, Lying
from kameng.infra.crypto import Sealer

Kind = Literal["txt", "csv", "xlsx"]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HEAD = ("key", "label", "batch", "cost")


class Clear(Struct, frozen=True):
    """A card with its secret open; `cost` in yuan."""

    secret: str
    label: str
    batch: str
    cost: str


async def chosen_cards(session: AsyncSession, sealer: Sealer, chosen: Chosen) -> Sequence[Lying]:
    """What is to be exported, still sealed: at most `MOST_COUNTED` cards."""
    return await shelves.listed(session, sealer, chosen, limit=MOST_COUNTED)


def opened(sealer: Sealer, cards: Sequence[Lying]) -> list[Clear]:
    """A second of work for 100,000 cards: for a thread. Raises `kameng.infra.crypto.Unsealable`."""
    return [
        Clear(sealer.open(PLACE, card.id, card.secret), card.label, str(card.batch_id or ""), _yuan(card.cost_cents))
        for card in cards
    ]


def as_text(cards: Sequence[Clear]) -> bytes:
    """One secret in a line, exactly as it is."""
    return "".join(f"{card.secret}\r\n" for card in cards).encode()


def as_workbook(cards: Sequence[Clear]) -> bytes:
    """All cells are texts, so that no secret is taken for a formula or a number."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("cards")
    for row in (HEAD, *((card.secret, card.label, card.batch, card.cost) for card in cards)):
        cells = [WriteOnlyCell(sheet, value=None) for _ in row]
        for cell, value in zip(cells, row, strict=True):
            cell._value, cell.data_type = value, "s"
        sheet.append(cells)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _yuan(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"
