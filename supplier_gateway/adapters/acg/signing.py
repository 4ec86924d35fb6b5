"""How acg-faka signs a form, as PHP 8 does it; PROTOCOLS 2.2.

The fields without `sign` are sorted by name, those that are exactly empty are left out, the rest is written as a query
(nested values as `sku[颜色]=红`, nulls and empty arrays vanish), `&key=<app_key>` is added, all of it is url-decoded,
and the digest is its MD5.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import md5
from urllib.parse import quote_plus, unquote_plus

Value = str | int | bool | None | Mapping[str, "Value"] | Sequence["Value"]
Form = Mapping[str, Value]

WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")  # what PHP makes an integer key of
PART = re.compile(r"\[([^\]]*)\]")


def sign(form: Form, app_key: str) -> str:
    """The lower-case MD5 of the form. `ValueError` without a key: an empty one would let anybody sign."""
    if not app_key:
        raise ValueError("an empty key signs nothing")
    kept = {name: form[name] for name in sorted(form, key=_php_order) if name != "sign" and form[name] != ""}
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in flat(kept))
    return md5(unquote_plus(f"{query}&key={app_key}").encode(), usedforsecurity=False).hexdigest()


def flat(form: Form) -> Iterator[tuple[str, str]]:
    """The fields as they are posted: `{"sku": {"颜色": "红"}}` is `sku[颜色]`, `红`."""
    for name, value in form.items():
        yield from _flat(name, value)


def nested(fields: Mapping[str, str]) -> dict[str, Value]:
    """A form as PHP reads posted fields: `sku[颜色]` becomes `{"sku": {"颜色": ...}}`."""
    form: dict[str, Value] = {}
    for name, value in fields.items():
        base, bracket, _ = name.partition("[")
        here: dict[str, Value] = form
        path = [base, *PART.findall(name[len(base) :])] if bracket else [name]
        for part in path[:-1]:
            inner = here.setdefault(part, {})
            if not isinstance(inner, dict):
                inner = here[part] = {}
            here = inner
        here[path[-1]] = value
    return form


def _flat(name: str, value: Value) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, bool):
        yield name, str(int(value))
    elif isinstance(value, int):
        yield name, str(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}[{key}]", inner)
    elif value is not None:
        for number, inner in enumerate(value):
            yield from _flat(f"{name}[{number}]", inner)


def _php_order(name: str) -> tuple[bool, int, bytes]:
    """As `ksort`: numbers first and by their size, then texts byte by byte."""
    is_number = bool(WHOLE_NUMBER.fullmatch(name))
    return not is_number, int(name) if is_number else 0, name.encode()
