"""What can go wrong with a buyer's account."""

from kameng.core.errors import Conflict, NotFound, Refused


class LoginTaken(Conflict):
    message = "This account name is taken. Sign in, or choose another."


class WrongLogin(Refused):
    message = "Account or password is wrong."


class BuyerGone(NotFound):
    message = "There is no such buyer."
