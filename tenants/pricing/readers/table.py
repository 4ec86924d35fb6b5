"""CSV: UTF-8 or GB 18030, which Excel in China writes; commas, semicolons or tabs."""

import csv
import io
from collections.abc import Sequence

from tenants.pricing.errors import FeedUnreadable
from tenants.pricing.readers.article import Article, Options, made


def read(body: bytes, options: Options) -> Sequence[Article]:
    """Lines of a table whose first line names the columns. Raises `FeedUnreadable`.

    Of a line only the three columns are looked at: a table may have a million, and lines that are shorter.
    """
    try:
        written = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        written = body.decode("gb18030", errors="replace")
    head = written.partition("\n")[0]
    lines = csv.reader(io.StringIO(written, newline=""), delimiter=max(",;\t", key=head.count))
    try:
        names = [name.strip() for name in next(lines, [])]
        article, name, price = (_place(names, wanted) for wanted in (options.article, options.name, options.price))
        needed = max(article, name, price) + 1
        found = [
            made(line[article], line[name], line[price], in_cents=options.in_cents)
            for line in lines
            if len(line) >= needed
        ]
    except csv.Error:
        raise FeedUnreadable("This is not a table that can be read.") from None
    return [one for one in found if one]


def _place(names: Sequence[str], wanted: str) -> int:
    """Where a column stands."""
    if wanted not in names:
        raise FeedUnreadable("The table has no column %(column)s.", column=wanted)
    return names.index(wanted)
