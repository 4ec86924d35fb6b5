"""What can go wrong with an application."""

from kameng.core.errors import Conflict, NotFound, Refused


class ApplicationGone(NotFound):
    message = "There is no such application."


class NotOpen(Refused):
    message = "Stations cannot be applied for at the moment."


class NoWayToPay(Refused):
    message = "The opening fee cannot be paid at the moment. Try again later, or choose a plan without one."


class DecidedAlready(Conflict):
    message = "This application was decided in the meantime. Load the page again."


class NothingToRefund(Conflict):
    message = "There is nothing to give back on this application."
