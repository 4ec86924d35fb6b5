"""Whether a workbook (XLSX, ECMA-376) can be opened without harm. A hundred kilobytes unpack to a row of sixty million
cells, and who reads a workbook keeps the whole row, and all styles, names and texts, in memory. So the parts are read
through once before, as a stream that keeps nothing.
"""

import io
import zipfile
from typing import IO
from xml.parsers import expat

MOST_ELEMENTS = 3_000_000  # 100,000 rows of five cells with texts in them have 1,600,000
MOST_AT_ONCE = 100_000  # in one row or text; Excel's rows have 16,384 cells
MOST_OF_THE_REST = 100_000  # styles, names and relations; Excel knows 64,000 styles
AT_A_TIME = 1 << 16
BEGINS_ANEW = frozenset({"row", "si"})
LONG_PARTS = ("xl/worksheets/", "xl/sharedStrings")


class Overfull(ValueError):
    """It holds more than any table that people make."""


def check(body: bytes, most_bytes: int) -> None:
    """Raises `Overfull`, also for more than `most_bytes` when it is unpacked; `zipfile.BadZipFile` and what else a
    broken archive raises. A part that is no XML is the reader's to complain of."""
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        if sum(part.file_size for part in packed.infolist()) > most_bytes:
            raise Overfull
        parts, rest = _Count(MOST_ELEMENTS, MOST_AT_ONCE), _Count(MOST_OF_THE_REST, MOST_OF_THE_REST)
        for part in packed.infolist():
            with packed.open(part) as stream:
                (parts if part.filename.startswith(LONG_PARTS) else rest).read(stream)


class _Count:
    """How many elements there were, in all and since the last row began."""

    def __init__(self, most: int, most_at_once: int) -> None:
        self._most, self._most_at_once = most, most_at_once
        self._all = self._at_once = 0

    def read(self, stream: IO[bytes]) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._begins
        parser.StartDoctypeDeclHandler = _refuse
        self._at_once = 0
        try:
            while piece := stream.read(AT_A_TIME):
                parser.Parse(piece, False)
        except expat.ExpatError:
            return

    def _begins(self, name: str, _: object) -> None:
        self._all += 1
        self._at_once = 0 if name.rpartition(":")[2] in BEGINS_ANEW else self._at_once + 1
        if self._all > self._most or self._at_once > self._most_at_once:
            raise Overfull


def _refuse(*_: object) -> None:
    """Entities come with a document type, and no workbook has one (part 2, 8.1.4)."""
    raise Overfull
