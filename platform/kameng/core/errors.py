"""The families of things that go wrong on purpose. There is no HTTP in them: `kameng.web.errors` maps them.

`message` is an English msgid for the person; `params` fill its `%(name)s` places; `field` names the input at
fault where there is one. Whatever is not of these families is a bug.
"""


class KamengError(Exception):
    """Base of all expected errors."""

    message = "Something went wrong."

    def __init__(self, message: str | None = None, *, field: str | None = None, **params: object) -> None:
        self.message = message or type(self).message
        self.field = field
        self.params = params
        super().__init__(self.message % params if params else self.message)


class NotFound(KamengError):
    """It is not there, or not there for this person."""

    message = "This page does not exist, or it is not yours."


class Conflict(KamengError):
    """The world has moved on: another request was first."""

    message = "Somebody else changed this in the meantime. Load the page again."


class Refused(KamengError):
    """A rule says no. The person can do something about it."""

    message = "This is not possible."


class Forbidden(KamengError):
    """The person is known and may not."""

    message = "You may not do this."


class Unauthenticated(KamengError):
    """The person is not known yet."""

    message = "Please sign in first."


class TooManyRequests(KamengError):
    """A rate limit. `retry_after_s` says when to come back."""

    message = "Too many attempts. Try again in %(retry_after_s)s seconds."

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


class Invalid(KamengError):
    """Input that breaks the form's rules: `errors` maps field -> msgid. Nothing was done."""

    message = "Some fields need your attention."

    def __init__(self, errors: dict[str, str], values: dict[str, str] | None = None) -> None:
        super().__init__()
        self.errors = errors
        self.values = values or {}
