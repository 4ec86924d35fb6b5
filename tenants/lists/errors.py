"""What lists refuse."""

from kameng.core.errors import Conflict, NotFound


class ViewGone(NotFound):
    message = "This view is not there any more."


class ViewExists(Conflict):
    message = "You have a view of this name already. Choose another name, or delete that one first."


class TooManyViews(Conflict):
    message = "You keep %(most)s views of this list already. Delete one first."


class ExportGone(NotFound):
    message = "This export is not there any more."


class ExportUnderWay(Conflict):
    message = "An export of yours is under way. Wait until it is done, or cancel it."


class TooManyRows(Conflict):
    message = "More than %(most)s rows fit. Take a shorter time or another filter."
