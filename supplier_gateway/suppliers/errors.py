"""What can go wrong with a supplier's account."""

from kameng.core.errors import Conflict, NotFound


class SupplierGone(NotFound):
    message = "There is no such supplier."


class SupplierNameTaken(Conflict):
    message = "There is a supplier of this name already."
