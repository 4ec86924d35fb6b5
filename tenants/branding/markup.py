"""What owners write in Markdown, as HTML that can do nothing but be read.

Three doors, each of which would do alone: markdown-it is given no HTML to pass on; what it makes is looked through
token by token; nh3 keeps only what is on a list. Pictures are the station's own, links open in a window that knows
nothing of this one.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

PICTURE = re.compile(r"/media/[0-9a-f]{64}\.(?:png|jpg|webp)")
SCHEMES = {"http", "https", "mailto", "tel"}
TAGS = {
    "p", "br", "hr", "h2", "h3", "h4", "strong", "em", "s", "blockquote", "ul", "ol", "li", "code", "pre",
    "table", "thead", "tbody", "tr", "th", "td", "a", "img",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
LOWER = {"h1": "h2", "h5": "h4", "h6": "h4"}  # the title of the page is its h1
KEPT = 256

_reader = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


@lru_cache(maxsize=KEPT)
def to_html(markdown: str) -> str:
    """Safe to put into a page as it is."""
    tokens = _reader.parse(markdown)
    _look_through(tokens)
    made = _reader.renderer.render(tokens, _reader.options, {})
    return nh3.clean(
        made,
        tags=TAGS,
        attributes=ATTRIBUTES,
        tag_attribute_values={"a": {"target": {"_blank"}}},
        attribute_filter=_filter,
        url_schemes=SCHEMES,
        link_rel="nofollow noopener noreferrer",
        strip_comments=True,
    )


def _look_through(tokens: Sequence[Token]) -> None:
    for token in tokens:
        token.tag = LOWER.get(token.tag, token.tag)
        if token.type == "image" and not PICTURE.fullmatch(str(token.attrGet("src"))):
            token.type, token.tag, token.attrs = "text", "", {}  # its words stand where it would
        if token.type == "link_open" and _leads_away(str(token.attrGet("href"))):
            token.attrSet("target", "_blank")
        _look_through(token.children or [])


def _leads_away(address: str) -> bool:
    """To another host, as far as one can tell: what is no address at all loses its link in `_filter`."""
    try:
        return bool(urlsplit(address).netloc)
    except ValueError:
        return False


def _filter(tag: str, name: str, value: str) -> str | None:
    """The second look at every address. None takes the attribute away."""
    if (tag, name) == ("img", "src"):
        return value if PICTURE.fullmatch(value) else None
    if (tag, name) == ("a", "href"):
        return value if _leads_somewhere(value) else None
    return value


def _leads_somewhere(address: str) -> bool:
    """A whole address, or a path of this shop."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme:
        return parts.scheme in SCHEMES
    return address.startswith(("/", "#")) and not address.startswith(("//", "/\\"))
