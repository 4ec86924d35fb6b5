"""What can go wrong when a station is opened."""

from kameng.core.errors import Conflict, Refused


class SlugTaken(Conflict):
    message = "This short name is taken by another station."


class HostTaken(Conflict):
    message = "This host belongs to another station."


class BadSlug(Refused):
    message = "A short name has 1 to 40 small letters, digits and hyphens."
