"""One field of a form: from the text a person sent to a value, or to a sentence about what is wrong with
it.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, get_args, get_origin
from unicodedata import category, normalize

import msgspec
from msgspec import Meta, Struct, inspect

from kameng.web.i18n import gettext

LONGEST_LINE = 500
LONGEST_TEXT = 5000
LONGEST_NUMBER = 40
TRUE = frozenset({"on", "true", "1", "yes"})

Line = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=LONGEST_TEXT, extra={"lines": True})]
Secret = Annotated[str, Meta(max_length=LONGEST_LINE, extra={"secret": True})]


class Wrong(Exception):
    """What is wrong with a value, in the reader's language."""


class Field(Struct, frozen=True, kw_only=True):
    """One field of a Struct, read once. `kind` is the type without None, `extra` what `Meta` holds besides
    bounds.
    """

    name: str
    attribute: str
    kind: Any
    annotation: Any
    extra: Mapping[str, Any]
    is_list: bool
    may_be_none: bool
    has_default: bool

    @property
    def is_secret(self) -> bool:
        return bool(self.extra.get("secret"))

    def read(self, texts: Sequence[str]) -> Any:
        """The value. `texts` is all that was sent under this name. Raises `Wrong`; `msgspec.UNSET` means the
        default.
        """
        if self.is_list:
            return [self._one(text) for text in texts]
        text = texts[-1] if texts else ""
        if isinstance(self.kind, inspect.BoolType):
            return text.lower() in TRUE
        if not self.is_secret:
            text = text.strip()
        if text:
            return self._one(text)
        if self.has_default:
            return msgspec.UNSET
        if self.may_be_none:
            return None
        raise Wrong(gettext("Fill this in."))

    def _one(self, text: str) -> Any:
        if isinstance(self.kind, inspect.StrType):
            return self._string(text)
        if isinstance(self.kind, inspect.DecimalType):
            return self._decimal(text)
        if isinstance(self.kind, inspect.IntType):
            text = normalize("NFKC", text)  # an input method may write full-width digits
        try:
            if len(text) > LONGEST_NUMBER and not isinstance(self.kind, inspect.EnumType | inspect.LiteralType):
                raise Wrong(self._complaint())
            return msgspec.convert(text, self.annotation, strict=False)
        except msgspec.ValidationError:
            raise Wrong(self._complaint()) from None

    def _string(self, text: str) -> Any:
        text = text.replace("\r\n", "\n")
        allowed = "\n\t" if self.extra.get("lines") else ""
        is_plain = text.isascii() and text.isprintable()  # told at once; else each sign is looked at
        if not is_plain and any(category(sign) in ("Cc", "Cs") and sign not in allowed for sign in text):
            raise Wrong(gettext("This holds signs that are not text."))
        longest = self.kind.max_length or LONGEST_LINE
        if len(text) > longest:
            raise Wrong(gettext("Write at most %(most)s characters.", most=longest))
        if self.kind.min_length and len(text) < self.kind.min_length:
            raise Wrong(gettext("Write at least %(least)s characters.", least=self.kind.min_length))
        try:
            return msgspec.convert(text, self.annotation)
        except msgspec.ValidationError:
            raise Wrong(self._complaint()) from None

    def _decimal(self, text: str) -> Decimal:
        text = normalize("NFKC", text).removeprefix("¥").replace(",", "")
        try:
            value = Decimal(text) if len(text) <= LONGEST_NUMBER else None
        except InvalidOperation:
            value = None
        least, most, places = (self.extra.get(key) for key in ("ge", "le", "places"))
        if (
            value is None
            or not value.is_finite()
            or abs(value.adjusted()) > LONGEST_NUMBER
            or (least is not None and value < Decimal(least))
            or (most is not None and value > Decimal(most))
        ):
            raise Wrong(self._complaint())
        if places is not None and value != round(value, places):
            raise Wrong(gettext("Write at most %(places)s decimals.", places=places))
        return value

    def _complaint(self) -> str:
        if own := self.extra.get("message"):
            return gettext(own)
        if isinstance(self.kind, inspect.IntType):
            least, most = _bounds(self.kind)
            return _about_whole_numbers(least, most)
        if isinstance(self.kind, inspect.DecimalType):
            return _about_numbers(self.extra.get("ge"), self.extra.get("le"))
        if isinstance(self.kind, inspect.EnumType | inspect.LiteralType):
            return gettext("Choose one of the list.")
        return gettext("This is not in the right form.")


@lru_cache(maxsize=512)
def fields_of(form: type[Struct]) -> tuple[Field, ...]:
    """The fields of a form, in order. `bool` is a checkbox: absent means no."""
    described = inspect.type_info(form)
    assert isinstance(described, inspect.StructType)  # noqa: S101 - what msgspec says of every Struct
    annotations = {field.name: field.type for field in msgspec.structs.fields(form)}
    return tuple(_field(field, annotations[field.name]) for field in described.fields)


def _field(field: inspect.Field, annotation: Any) -> Field:
    kind, extra, may_be_none = _plain(field.type)
    is_list = isinstance(kind, inspect.ListType)
    if isinstance(kind, inspect.ListType):
        annotation = _item(annotation)
        kind, extra, _ = _plain(kind.item_type)
    return Field(
        name=field.encode_name,
        attribute=field.name,
        kind=kind,
        annotation=annotation,
        extra=extra,
        is_list=is_list,
        may_be_none=may_be_none,
        has_default=not field.required,
    )


def _plain(kind: inspect.Type) -> tuple[inspect.Type, Mapping[str, Any], bool]:
    """A type without its extras and without None."""
    extra: Mapping[str, Any] = {}
    may_be_none = False
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            extra, kind = {**(kind.extra or {}), **extra}, kind.type
        else:
            others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
            may_be_none, kind = len(others) < len(kind.types), others[0]
    return kind, extra, may_be_none


def _item(annotation: Any) -> Any:
    """`int` of `list[int]`, `list[int] | None` or an annotated one."""
    if get_origin(annotation) is list:
        return get_args(annotation)[0]
    return next(_item(part) for part in get_args(annotation) if part is not NoneType)


def _bounds(kind: inspect.IntType) -> tuple[int | None, int | None]:
    least = kind.ge if kind.gt is None else kind.gt + 1
    most = kind.le if kind.lt is None else kind.lt - 1
    return least, most


def _about_whole_numbers(least: object, most: object) -> str:
    if least is not None and most is not None:
        return gettext("Write a whole number between %(least)s and %(most)s.", least=least, most=most)
    if least is not None:
        return gettext("Write a whole number of at least %(least)s.", least=least)
    if most is not None:
        return gettext("Write a whole number of at most %(most)s.", most=most)
    return gettext("Write a whole number.")


def _about_numbers(least: object, most: object) -> str:
    if least is not None and most is not None:
        return gettext("Write a number between %(least)s and %(most)s.", least=least, most=most)
    if least is not None:
        return gettext("Write a number of at least %(least)s.", least=least)
    if most is not None:
        return gettext("Write a number of at most %(most)s.", most=most)
    return gettext("Write a number.")
