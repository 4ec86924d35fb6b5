"""What can go wrong with a supplier's catalogue."""

from kameng.core.errors import Conflict, NotFound


class RunGone(NotFound):
    message = "There is no such reading of a catalogue."


class AlreadyReading(Conflict):
    message = "This supplier's catalogue is being read already."


class NoCatalogue(Conflict):
    message = "This supplier's protocol has no catalogue."


class NotHeld(Conflict):
    message = "This was decided already. Nothing was changed."


class ArticleGone(NotFound):
    message = "There is no such article in the catalogue."


class AdoptedAlready(Conflict):
    message = "This article is offered already."


class KindDiffers(Conflict):
    message = "The article and the good are of different kinds. Nothing was changed."
