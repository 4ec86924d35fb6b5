"""Whose pages these are."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct


class Site(Protocol):
    """What every page needs to know of the house it belongs to. A `Tenant` is one; `MasterSite` is the other.

    `accent` is `#rrggbb`, `theme` a look of the storefront, `logo` and `favicon` are paths or empty, `time_zone` is
    a name of the IANA database, `locale` a folder of `kameng/web/locale`. `contacts` maps a kind (qq, wechat, telegram,
    phone, email, hours) to what stands there; `footer` are pages to link to, each with `path` and `title`.
    """

    @property
    def name(self) -> str: ...
    @property
    def slug(self) -> str: ...
    @property
    def accent(self) -> str: ...
    @property
    def theme(self) -> str: ...
    @property
    def logo(self) -> str: ...
    @property
    def favicon(self) -> str: ...
    @property
    def notice(self) -> str: ...
    @property
    def contact(self) -> str: ...
    @property
    def contacts(self) -> Mapping[str, str]: ...
    @property
    def footer(self) -> Sequence[Mapping[str, str]]: ...
    @property
    def locale(self) -> str: ...
    @property
    def time_zone(self) -> str: ...


class MasterSite(Struct, frozen=True):
    """The master station."""

    name: str = "Kameng"
    slug: str = "master"
    accent: str = "#2563eb"
    theme: str = "classic"
    logo: str = ""
    favicon: str = ""
    notice: str = ""
    contact: str = ""
    contacts: Mapping[str, str] = {}
    footer: Sequence[Mapping[str, str]] = ()
    locale: str = "zh_CN"
    time_zone: str = "Asia/Shanghai"


MASTER = MasterSite()
