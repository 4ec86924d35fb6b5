"""What can go wrong when a station is opened, changed or closed."""

from kameng.core.errors import Conflict, NotFound, Refused


class StationGone(NotFound):
    message = "There is no such station."


class SlugTaken(Conflict):
    message = "This short name is taken by another station."


class HostTaken(Conflict):
    message = "This host belongs to another station."


class BadSlug(Refused):
    message = "A short name has 1 to 40 small letters, digits and hyphens."


class CannotProvision(Refused):
    message = "Stations cannot be opened from here: this process has no administrator's connection."


class NotInThisState(Conflict):
    message = "The station is in another state by now. Load the page again."


class StationClosed(Refused):
    message = "This station is closed for good."


class GraceLasts(Refused):
    message = "The grace period lasts until %(until)s."


class StillBuying(Refused):
    message = "A purchase for this station is not settled yet. It can be closed for good once that is known."


class PayoutWaits(Refused):
    message = "A withdrawal of this station waits to be decided. Pay or decline it first."


class MoneyCollected(Refused):
    message = "Collected money of this station is not released yet. Its holding period has to be over first."


class ImportGone(NotFound):
    message = "There is no such import."
