"""What can be wrong with a domain."""

from kameng.core.errors import Conflict, Refused


class BadDomain(Refused):
    message = "A domain is a name such as shop.example.com, without http:// and port."


class DomainIsOurs(Refused):
    message = "Names under the deployment's own domain are given by the master."


class DomainTaken(Conflict):
    message = "This domain belongs to another station."
