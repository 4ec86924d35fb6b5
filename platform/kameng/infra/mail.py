"""Letters, over whatever SMTP server `KAMENG_SMTP_URL` names.

`smtps://` is TLS from the start. With `smtp://` TLS is begun where the server offers it, and has to be where a password
is to be sent, unless the server is on this machine.
"""

import re
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib
from msgspec import Struct

TIMEOUT_S = 15.0
# One address and nothing else: what parses as several, or with a name, would write to others, and some texts that look
# like an address break the parser of Python itself.
ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


class Mail(Struct, frozen=True, kw_only=True):
    """A letter in plain text, from `no-reply@<host>`: the host of the station that it is about."""

    sender_name: str
    host: str
    to: str
    subject: str
    text: str


class NotTaken(Exception):
    """The server could not be reached or put the letter off: try again later."""


class Unsure(NotTaken):
    """The connection broke after it had begun: the server may have taken the letter or not."""


class Rejected(Exception):
    """The server will not take this letter, now or later."""


async def send(smtp_url: str, mail: Mail) -> None:
    """Hands one letter over. Raises `NotTaken` (`Unsure`), `Rejected`, each with what the server said; a letter to what
    is no address is rejected here."""
    if not ADDRESS.fullmatch(mail.to) or not mail.to.isprintable():
        raise Rejected("no address")
    parts = urlsplit(smtp_url)
    password = unquote(parts.password) if parts.password else None
    is_tls = parts.scheme == "smtps"
    needs_tls = not is_tls and password is not None and not _is_local(parts.hostname or "")
    try:
        await aiosmtplib.send(
            written(mail),
            hostname=parts.hostname,
            port=parts.port,
            username=unquote(parts.username) if parts.username else None,
            password=password,
            use_tls=is_tls,
            start_tls=True if needs_tls else None if not is_tls else False,
            tls_context=ssl.create_default_context(),
            local_hostname=mail.host,
            timeout=TIMEOUT_S,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        kind = Rejected if all(one.code >= 500 for one in error.recipients) else NotTaken
        raise kind("; ".join(f"{one.code} {one.message}" for one in error.recipients)) from error
    except aiosmtplib.SMTPAuthenticationError as error:
        raise NotTaken(f"{error.code} {error.message}") from error  # a wrong password is put right by the operator
    except aiosmtplib.SMTPResponseException as error:
        raise (Rejected if error.code >= 500 else NotTaken)(f"{error.code} {error.message}") from error
    except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPNotSupported) as error:
        raise NotTaken(str(error) or type(error).__name__) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Unsure(str(error) or type(error).__name__) from error


def written(mail: Mail) -> EmailMessage:
    """The letter with its heads. A line break in a name raises `ValueError`: nothing can add a head."""
    message = EmailMessage()
    message["From"] = Address(mail.sender_name, "no-reply", mail.host)
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=mail.host)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer by machines
    message.set_content(mail.text)
    return message


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
