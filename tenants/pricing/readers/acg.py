"""Shops that run acg-faka: the list that their own first page asks for.

`GET /user/api/index/commodity?categoryId=0` needs no key and answers with all that is on sale:
`{"code": 200, "msg": "success", "data": [{"id": 1, "name": "...", "price": 12.5, "user_price": 12, ...}]}`.
`price` is what guests pay, `user_price` what members do (app/Controller/User/Api/Index.php of lizhipay/acg-faka). Some
versions put the list into `data.list`. An error is another `code`, with HTTP 200.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tenants.pricing.errors import FeedUnreadable
from tenants.pricing.readers.article import Article, Options, made

LIST = "/user/api/index/commodity?categoryId=0"
OK = 200


class Answer(Struct):
    code: int
    data: Any = None


def address(url: str) -> str:
    """The list of the shop at `url`, whichever page of it that is."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{LIST}"


def read(body: bytes, options: Options) -> Sequence[Article]:
    """Raises `FeedUnreadable`."""
    try:
        answer = msgspec.json.decode(body, type=Answer, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FeedUnreadable("This is not the list of an acg-faka shop.") from None
    listed = answer.data.get("list") if isinstance(answer.data, dict) else answer.data
    if answer.code != OK or not isinstance(listed, list):
        raise FeedUnreadable("The shop answered with an error instead of its list.")
    price = "user_price" if options.member else "price"
    found = (
        made(item.get("id"), item.get("name"), item.get(price)) for item in listed if isinstance(item, dict)
    )  # fmt: skip
    return [one for one in found if one]
