"""What a look at a domain has shown, in a sentence for both consoles."""

from admin_ui import words
from kameng.infra.settings import Settings, parts
from kameng.web.i18n import gettext
from tenants.domains.probe import Finding
from tenants.domains.queries import Claim, Host


def why(settings: Settings, domain: Claim | Host) -> str:
    """Why it is not served, or does not lead here; empty when nothing is wrong or nothing was looked at yet."""
    return sentence(settings, domain.readable, Finding(domain.error, domain.seen))


def sentence(settings: Settings, domain: str, found: Finding) -> str:
    """The same of a finding."""
    if found.error == "elsewhere":
        ours = ", ".join(parts(settings.public_addresses))
        return gettext(
            "%(domain)s points to %(seen)s, not to this deployment (%(ours)s).",
            domain=domain,
            seen=found.seen,
            ours=ours,
        )
    if found.error == "other_text":
        return gettext("The TXT record of %(domain)s says something else: %(seen)s", domain=domain, seen=found.seen)
    return words.say("domain_error", found.error) if found.error else ""
