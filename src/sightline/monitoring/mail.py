"""Alerts as e-mail, over SMTP with TLS."""

from __future__ import annotations

import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from sightline.config import AlertOptions, MailOptions
from sightline.monitoring.alerts import Alert
from sightline.monitoring.delivery import RetriedDelivery
from sightline.redaction import one_line, printable


class Mailer:
    """Sends each alert to the addresses of its rule; where it has none, does nothing.

    The password stands in no message. Certificates are checked: a server with one that nobody vouches for gets
    nothing.

    Args:
        options: the server; None: there is none, and nothing is sent.
        timeout_s: for each answer of the server.
        attempts, backoff_s, capacity: see ``RetriedDelivery``.
    """

    def __init__(
        self,
        options: MailOptions | None,
        timeout_s: float = 10.0,
        attempts: int = 6,
        backoff_s: float = 2.0,
        capacity: int = 100,
    ) -> None:
        self._options = options
        self._timeout_s = timeout_s
        self._delivery: RetriedDelivery[EmailMessage] | None = None
        if options is not None:
            self._delivery = RetriedDelivery("e-mail", self._send, attempts, backoff_s, capacity)

    def __call__(self, rule: AlertOptions, alert: Alert) -> None:
        """Send an alert soon; returns at once."""
        if rule.email and self._options is not None and self._delivery is not None:
            self._delivery.put(rule.name, _message(self._options.sender, rule, alert))

    def close(self, timeout_s: float = 5.0) -> None:
        """See ``RetriedDelivery.close``."""
        if self._delivery is not None:
            self._delivery.close(timeout_s)

    def _send(self, message: EmailMessage) -> tuple[str | None, bool]:
        """What was wrong, or None; and whether another attempt is of use."""
        assert self._options is not None
        try:
            with self._connected(self._options) as server:
                if self._options.user is not None and self._options.password is not None:
                    server.login(self._options.user, self._options.password.get_secret_value())
                refused = server.send_message(message)
        except (OSError, smtplib.SMTPException) as exc:
            return _problem(exc)
        return (f"{len(refused)} of its recipients are refused" if refused else None), False

    def _connected(self, options: MailOptions) -> smtplib.SMTP:
        """Raises OSError, smtplib.SMTPException."""
        context = ssl.create_default_context(
            cafile=None if options.ca_file is None else str(options.ca_file)
        )
        own = socket.gethostname()
        if options.security == "tls":
            return smtplib.SMTP_SSL(
                options.host, options.server_port, own, timeout=self._timeout_s, context=context
            )
        server = smtplib.SMTP(options.host, options.server_port, own, timeout=self._timeout_s)
        if options.security == "starttls":
            try:
                server.starttls(context=context)
            except BaseException:  # whatever it is goes on; no connection must stay
                server.close()
                raise
        return server


def _message(sender: str, rule: AlertOptions, alert: Alert) -> EmailMessage:
    text = printable(one_line(str(alert)))
    message = EmailMessage()
    message["Subject"] = f"[Sightline] {text}"
    message["From"] = sender
    message["To"] = ", ".join(rule.email)
    message["Date"] = formatdate(alert.since + alert.seconds)
    message["Message-ID"] = make_msgid("sightline")
    # Programs that answer by themselves do not answer this.
    message["Auto-Submitted"] = "auto-generated"
    facts = alert.to_dict()
    lines = [f"{key}: {value}" for key, value in facts.items() if key != "text"]
    message.set_content("\n".join([text, "", *map(printable, map(one_line, lines)), ""]))
    return message


def _problem(failure: OSError | smtplib.SMTPException) -> tuple[str, bool]:
    """What was wrong, without what may hold a password, and whether another attempt is of use."""
    words, code = f"cannot be reached: {type(failure).__name__}", 400
    if isinstance(failure, ssl.SSLCertVerificationError):
        words = f"its certificate is not trusted ({failure.verify_message}): give mail.ca_file"
        code = 500
    elif isinstance(failure, smtplib.SMTPNotSupportedError):
        words, code = f"the server offers no such thing: {failure}", 500
    elif isinstance(failure, smtplib.SMTPAuthenticationError):
        words, code = f"user and password are refused ({failure.smtp_code})", failure.smtp_code
    elif isinstance(failure, smtplib.SMTPRecipientsRefused):
        code = min(code for code, _ in failure.recipients.values())
        words = f"all recipients are refused ({code})"
    elif isinstance(failure, smtplib.SMTPResponseException):
        words, code = f"the server refuses it ({failure.smtp_code})", failure.smtp_code
    return words, code < 500
