"""What can be wrong with a domain."""

from kameng.core.errors import Conflict, NotFound, Refused


class DomainGone(NotFound):
    message = "This station has no such domain."


class BadDomain(Refused):
    message = "A domain is a name such as shop.example.com, without http:// and port."


class DomainHasScheme(BadDomain):
    message = "Leave out http:// and everything after the name: write only %(domain)s."


class DomainHasPort(BadDomain):
    message = "Leave out the port: write only %(domain)s."


class DomainIsWildcard(BadDomain):
    message = "A domain with * cannot be added; add each name by itself, such as shop.example.com."


class DomainIsAddress(BadDomain):
    message = "This is an IP address. Write a domain such as shop.example.com."


class DomainIsSuffix(BadDomain):
    message = "%(domain)s belongs to a registry, under it are other people's domains. Write your own."


class DomainIsOurs(Refused):
    message = "Names under the deployment's own domain are given by the master."


class DomainTaken(Conflict):
    message = "This domain belongs to another station."


class DomainIsYours(Conflict):
    message = "Your shop is served at this domain already."


class TooManyClaims(Refused):
    message = "%(most)s domains wait for their proof already. Prove or withdraw some of them first."


class BadLabel(Refused):
    message = "A sub-domain has 1 to 63 small letters, digits and hyphens, such as star."


class PrimaryStays(Refused):
    message = "%(domain)s is the main domain. Make another one the main domain first."


class LastSubdomainStays(Refused):
    message = "%(domain)s is the last sub-domain of the station and stays, so that it can always be reached."


class DomainStrays(Refused):
    message = "%(domain)s does not lead here at the moment, so it cannot become the main domain."


class HostInUse(Refused):
    message = "You are at %(domain)s now. Open the console at another domain to remove this one."
