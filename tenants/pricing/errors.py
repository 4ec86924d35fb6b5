"""What repricing refuses."""

from kameng.core.errors import Conflict, NotFound, Refused


class RuleGone(NotFound):
    message = "This rule does not exist any more."


class RuleThere(Conflict):
    message = "There is a rule for this already; change that one."


class FeedGone(NotFound):
    message = "This feed does not exist any more."


class TooManyFeeds(Refused):
    message = "A station has at most %(most)s feeds."


class ArticleGone(NotFound):
    message = "This article is not in the feed any more."


class SetGone(NotFound):
    message = "This change of prices does not exist any more."


class SetDecided(Conflict):
    message = "Somebody has decided about this change in the meantime, or a newer run has replaced it."


class NothingToUndo(Refused):
    message = "Nothing is left to roll back: every price was changed again since."


class FeedUnreadable(Refused):
    """What a feed answered is of no use. `message` says why, in words for its owner."""

    message = "The answer could not be read."
