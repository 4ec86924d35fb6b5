"""What can go wrong when a station is opened or changed."""

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
