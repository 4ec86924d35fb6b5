"""What a station's deposit means for the days to come."""

from msgspec import Struct

from kameng.web.i18n import gettext

RED_DAYS, AMBER_DAYS, FAR_DAYS = 1, 3, 60


class Outlook(Struct, frozen=True):
    """`tone` is the colour of a tile's note ("", ok, wait, bad); `text` says the same in words."""

    tone: str
    text: str


def outlook(balance_cents: int, week_cents: int) -> Outlook:
    """How long the deposit lasts when the coming days are like the last seven, which took `week_cents`."""
    if balance_cents <= 0:
        return Outlook("bad", gettext("Nothing can be sold until you pay in"))
    if week_cents <= 0:
        return Outlook("", gettext("No sales in the last 7 days"))
    days = balance_cents * 7 / week_cents
    if days < RED_DAYS:
        return Outlook("bad", gettext("Lasts less than a day: pay in now"))
    if days < AMBER_DAYS:
        return Outlook("wait", gettext("Lasts less than 3 days: pay in soon"))
    if days > FAR_DAYS:
        return Outlook("ok", gettext("Lasts more than two months"))
    return Outlook("ok", gettext("Lasts about %(days)s days", days=int(days)))
