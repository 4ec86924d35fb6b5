"""CSV: UTF-8 or GB 18030, which Excel in China writes; commas, semicolons or tabs."""

import csv
import io
from collections.abc import Sequence

from tenants.pricing.errors import FeedUnreadable
from tenants.pricing.readers.article import Article, Options, made


def read(body: bytes, options: Options) -> Sequence[Article]:
    """Lines of a table whose first line names the columns. Raises `FeedUnreadable`."""
    try:
        written = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        written = body.decode("gb18030", errors="replace")
    head = written.partition("\n")[0]
    try:
        lines = csv.DictReader(io.StringIO(written, newline=""), delimiter=max(",;\t", key=head.count))
        columns = [name.strip() for name in lines.fieldnames or []]
        lines.fieldnames = columns
        for wanted in (options.article, options.name, options.price):
            if wanted not in columns:
                raise FeedUnreadable("The table has no column %(column)s.", column=wanted)
        found = [
            made(line[options.article], line[options.name], line[options.price], in_cents=options.in_cents)
            for line in lines
        ]
    except csv.Error:
        raise FeedUnreadable("This is not a table that can be read.") from None
    return [one for one in found if one]
