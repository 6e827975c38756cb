"""What was wrong when an e-mail could not be sent, in words for who set the server up."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass

from sightline.config import MailOptions
from sightline.redaction import one_line, printable

_LONGEST = 160
"""Characters that are told of what a server says."""
_HOSTNAME_MISMATCH = {62, 64}
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL."""
_LOGIN_WANTED = {530, 550, 554}
_FOR_EVER = 500
"""Answers below are of the moment (RFC 5321, 4.2.1)."""
_TLS_PORT = 465


@dataclass(frozen=True, slots=True)
class Problem:
    """What was wrong, and whether another attempt is of use."""

    words: str
    again: bool


def problem_of(
    failure: OSError | smtplib.SMTPException, options: MailOptions, cut_after_s: float | None = None
) -> Problem:
    """What a failure means, without what may hold a password.

    ``cut_after_s``: the connection was cut, since the message had taken so long in all.
    """
    if cut_after_s is not None:
        words, again = f"takes more than {cut_after_s:g} s for one message", True
    elif isinstance(failure, ssl.SSLError):
        words, again = _of_encryption(failure)
    elif isinstance(failure, smtplib.SMTPException):
        words, again = _of_smtp(failure, options)
    else:
        words, again = _of_connection(failure, options), True
    return Problem(f"{options.host}:{options.server_port} {words}", again)


def _of_encryption(failure: ssl.SSLError) -> tuple[str, bool]:
    if not isinstance(failure, ssl.SSLCertVerificationError):
        words = f"speaks no TLS that is known here ({failure.reason}): where it does not encrypt from the start"
        return f"{words}, take `security: starttls` and its port, mostly 587", False
    remedy = "give mail.ca_file"
    if failure.verify_code in _HOSTNAME_MISMATCH:
        remedy = "write mail.host as the certificate names the server"
    return f"has a certificate that is not trusted ({failure.verify_message}): {remedy}", False


def _of_smtp(failure: smtplib.SMTPException, options: MailOptions) -> tuple[str, bool]:
    if isinstance(failure, smtplib.SMTPServerDisconnected):
        return f"ended the connection{_port_hint(options)}", True
    if isinstance(failure, smtplib.SMTPNotSupportedError):
        if "STARTTLS" in str(failure):
            return "offers no STARTTLS: take `security: tls` and its port, mostly 465", False
        return "takes no login: leave out mail.user and mail.password, or take its port 587", False
    if isinstance(failure, (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)):
        return _of_refusal(failure, options)
    # smtplib has no other word for a server that offers only OAuth or Kerberos.
    return "offers no login with a password (PLAIN, LOGIN or CRAM-MD5): take another server", False


def _of_refusal(
    failure: smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused, options: MailOptions
) -> tuple[str, bool]:
    if isinstance(failure, smtplib.SMTPAuthenticationError):
        code = failure.smtp_code  # its words may hold what was sent
        return f"refuses user and password ({code})", code < _FOR_EVER
    what = "it"
    told: bytes | str
    if isinstance(failure, smtplib.SMTPRecipientsRefused):
        what = "all recipients"
        code, told = min(failure.recipients.values(), key=lambda answer: answer[0])
    else:
        code, told = failure.smtp_code, failure.smtp_error
    hint = ""
    if code in _LOGIN_WANTED and options.user is None:
        hint = ": does it want mail.user and mail.password?"
    return f"refuses {what} ({_answer(code, told, options)}){hint}", code < _FOR_EVER


def _answer(code: int, told: bytes | str, options: MailOptions) -> str:
    """A server's own words, unless the password is among them."""
    text = told.decode(errors="replace") if isinstance(told, bytes) else told
    text = printable(one_line(text))[:_LONGEST]
    if options.password is not None and options.password.get_secret_value() in text:
        return str(code)
    return f"{code} {text}".strip()


def _of_connection(failure: OSError, options: MailOptions) -> str:
    if isinstance(failure, TimeoutError):
        return f"does not answer{_port_hint(options)}"
    why = failure.strerror or type(failure).__name__
    return f"cannot be reached: {why}: check mail.host and mail.port"


def _port_hint(options: MailOptions) -> str:
    if options.security != "tls" and options.server_port == _TLS_PORT:
        return ": at port 465 servers want `security: tls`"
    return ""
