"""What branding refuses."""

from kameng.core.errors import Conflict, NotFound, Refused


class PictureGone(NotFound):
    message = "This picture is not there any more."


class PageGone(NotFound):
    message = "This page does not exist any more."


class NothingToUndo(Conflict):
    message = "There is no earlier version to go back to."


class PathTaken(Refused):
    message = "Another page has this address already."


class TooManyPages(Refused):
    message = "A shop has at most %(most)s pages. Delete one that nobody reads."


class TooManyPictures(Refused):
    message = "A shop keeps at most %(most)s pictures for its pages. Delete some that no page shows."


class WeakAccent(Refused):
    message = (
        "This colour is hard to see: its contrast is %(on_light)s on white and %(on_dark)s on dark; both need %(least)s"
        " or more. The nearest colour that passes is %(suggestion)s."
    )


class BadPicture(Refused):
    """A file that is not stored; each kind says what to send instead."""


class TooLarge(BadPicture):
    message = "This file is larger than %(most_mb)s MB. Save the picture smaller and send it again."


class NoContent(BadPicture):
    message = "This file is empty. Choose the picture again."


class Svg(BadPicture):
    message = (
        "An SVG can hold scripts that would run in your shop, so none is taken. Export it as PNG, twice as large as it"
        " is shown."
    )


class Gif(BadPicture):
    message = "A GIF is not taken. Save the picture as PNG, JPEG or WebP."


class WebPage(BadPicture):
    message = "This is a web page and not a picture, whatever its name says. Send a PNG, JPEG or WebP."


class NotAPicture(BadPicture):
    message = "This is not a PNG, JPEG or WebP. Save the picture in one of these and send it again."


class Broken(BadPicture):
    message = "This picture is damaged and cannot be opened. Save it anew and send it again."


class TooManyDots(BadPicture):
    message = "This picture has more than %(most_million)s million dots. Save it smaller and send it again."


class TooThin(BadPicture):
    message = "This picture is too small or too narrow to be seen: at least %(least)s dots on each side."
