"""What the card vault refuses."""

from kameng.core.errors import Conflict, NotFound, Refused


class BatchGone(NotFound):
    message = "This batch does not exist."


class ImportGone(NotFound):
    message = "This import does not exist."


class CardGone(NotFound):
    message = "This card does not exist any more."


class ImportOver(Conflict):
    message = "The import was over already."


class NothingChosen(Refused):
    message = "Choose at least one card."
