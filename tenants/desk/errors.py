"""What the desk refuses."""

from kameng.core.errors import Conflict, NotFound, Refused


class CaseGone(NotFound):
    message = "There is no such case."


class RuleGone(NotFound):
    message = "This rule is not there any more."


class SolvedAlready(Conflict):
    message = "This case is solved already. Nothing was changed."


class NoMoneyRight(Refused):
    message = "You may not give money back. Ask the owner for a limit, or leave this to somebody else."


class NoEquivalent(Refused):
    message = "There is nothing to offer: name an equivalent of the product first, or it is sold out or dearer."


class OfferedAlready(Conflict):
    message = "Something was offered to the buyer already, and he has not answered yet."


class SwapGone(NotFound):
    message = "This offer is not open any more."


class Dearer(Refused):
    """The price has risen since it was offered."""

    message = "It costs more now than when it was offered. Your order stays as it is."


class TooManyRules(Refused):
    message = "A shop keeps at most %(most)s rules. Delete one that nobody uses."


class StillAsked(Conflict):
    """A correction now would not reach the supplier, and a second buying could deliver twice."""

    message = "A supplier may still deliver this order as it is. Try again when his answer is known."


class TooManyCorrections(Refused):
    message = "You have corrected this order several times. Ask the shop for help with it."
