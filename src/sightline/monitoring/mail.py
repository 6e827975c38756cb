"""Alerts as e-mail, over SMTP with TLS."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from sightline.config import AlertOptions, MailOptions
from sightline.errors import ConfigError
from sightline.monitoring.alerts import Alert
from sightline.monitoring.delivery import DeliveryFailure, RetriedDelivery
from sightline.monitoring.delivery_deadline import DeliveryDeadline
from sightline.monitoring.mail_problems import Problem, problem_of
from sightline.redaction import one_line, printable
from sightline.wall_time import utc_text

_GREETING = 220
"""The code of a server that is ready (RFC 5321, 4.2.3)."""
_MOST_ALERTS = 200
"""Alerts that one message tells of; of further ones it tells how many they are."""


@dataclass(frozen=True, slots=True)
class AlertMail:
    """Alerts that go to the same addresses in one message. ``to`` are those that have not got it yet."""

    addresses: tuple[str, ...]
    alerts: tuple[Alert, ...]
    identity: str
    to: tuple[str, ...] = ()
    more: int = 0

    def joined(self, later: AlertMail) -> AlertMail | None:
        """With the alerts of a later one; None: it goes to others."""
        if self.addresses != later.addresses:
            return None
        kept = (*self.alerts, *later.alerts)
        more = self.more + later.more + max(0, len(kept) - _MOST_ALERTS)
        return replace(self, alerts=kept[:_MOST_ALERTS], more=more)


class Mailer:
    """Sends each alert to the addresses of its rule; where it has none, does nothing.

    Alerts that wait for a message on its way go out together in the next one. The password stands in no message.
    Certificates are checked: a server with one that nobody vouches for gets nothing.

    Args:
        options: the server; None: there is none, and nothing is sent.
        timeout_s: for each answer of the server.
        limit_s: for one message in all, however the server sends its answers.
        attempts, backoff_s, capacity: see ``RetriedDelivery``. By default a message is tried for eight minutes: servers
            that do not know a sender put it off for five.
    """

    def __init__(
        self,
        options: MailOptions | None,
        timeout_s: float = 10.0,
        limit_s: float = 60.0,
        attempts: int = 9,
        backoff_s: float = 2.0,
        capacity: int = 100,
    ) -> None:
        self._options = options
        self._timeout_s, self._limit_s = timeout_s, limit_s
        self._delivery: RetriedDelivery[AlertMail] | None = None
        if options is not None:
            self._delivery = RetriedDelivery(
                "e-mail", self._send, attempts, backoff_s, capacity, AlertMail.joined
            )

    def __call__(self, rule: AlertOptions, alert: Alert) -> None:
        """Send an alert soon; returns at once."""
        if rule.email and self._options is not None and self._delivery is not None:
            # With a domain of its own: the computer's would be looked up, which may take long.
            domain = self._options.sender.rpartition("@")[2]
            letter = AlertMail(rule.email, (alert,), make_msgid("sightline", domain), rule.email)
            self._delivery.put(rule.name, letter)

    def close(self, timeout_s: float = 5.0) -> None:
        """See ``RetriedDelivery.close``."""
        if self._delivery is not None:
            self._delivery.close(timeout_s)

    def _send(self, letter: AlertMail) -> DeliveryFailure[AlertMail] | None:
        """What is left to send, and why; None: nothing."""
        assert self._options is not None
        try:
            server = self._server(self._options)
        except ConfigError as exc:
            return DeliveryFailure(letter, f"mail.ca_file: {exc}", again=True)
        deadline = DeliveryDeadline(self._limit_s, lambda: server.sock)
        try:
            with deadline:
                refused = self._sent(server, self._options, letter)
        except (OSError, smtplib.SMTPException) as exc:
            found = problem_of(exc, self._options, self._limit_s if deadline.passed else None)
            return DeliveryFailure(letter, found.words, again=found.again)
        if not refused:
            return None
        later = tuple(address for address, found in refused.items() if found.again)
        words = "; ".join(f"{address}: {found.words}" for address, found in refused.items())
        return DeliveryFailure(replace(letter, to=later), words, again=bool(later))

    def _sent(
        self, server: smtplib.SMTP, options: MailOptions, letter: AlertMail
    ) -> dict[str, Problem]:
        """The recipients that were refused, while others were not.

        Raises OSError, smtplib.SMTPException.
        """
        try:
            code, words = server.connect(options.host, options.server_port)
            if code != _GREETING:
                raise smtplib.SMTPConnectError(code, words)
            if options.security == "starttls":
                server.starttls(context=trusted(options))
            if options.user is not None and options.password is not None:
                server.login(options.user, options.password.get_secret_value())
            refused = server.send_message(_message(options.sender, letter), to_addrs=letter.to)
            return {
                address: problem_of(smtplib.SMTPResponseException(code, words), options)
                for address, (code, words) in refused.items()
            }
        finally:
            # A mail that was accepted counts, whatever the server answers to QUIT.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def _server(self, options: MailOptions) -> smtplib.SMTP:
        """What speaks to the server, not connected yet. Raises ConfigError."""
        context, own = trusted(options), socket.gethostname()
        if options.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                local_hostname=own, timeout=self._timeout_s, context=context
            )
        else:
            server = smtplib.SMTP(local_hostname=own, timeout=self._timeout_s)
        # Whose certificate is checked: smtplib takes it only where it connects at once, unseen by the deadline.
        server._host = options.host  # type: ignore[attr-defined]  # noqa: SLF001
        return server


def trusted(options: MailOptions) -> ssl.SSLContext:
    """Whose certificates a server may have. Raises ConfigError: ``ca_file`` holds none."""
    try:
        return ssl.create_default_context(
            cafile=None if options.ca_file is None else str(options.ca_file)
        )
    except ssl.SSLError as exc:
        raise ConfigError(
            f"{options.ca_file} holds no certificates: it must be PEM, with BEGIN CERTIFICATE in it"
        ) from exc
    except OSError as exc:
        raise ConfigError(f"cannot read {options.ca_file}: {exc.strerror}") from exc


def _message(sender: str, letter: AlertMail) -> EmailMessage:
    texts = [printable(one_line(str(alert))) for alert in letter.alerts]
    number = len(texts) + letter.more
    message = EmailMessage()
    message["Subject"] = f"[Sightline] {texts[0] if number == 1 else _subject(letter, number)}"
    message["From"] = sender
    message["To"] = ", ".join(letter.addresses)
    message["Date"] = formatdate(letter.alerts[0].since + letter.alerts[0].seconds)
    message["Message-ID"] = letter.identity
    # Programs that answer by themselves do not answer this.
    message["Auto-Submitted"] = "auto-generated"
    parts = [_part(text, alert) for text, alert in zip(texts, letter.alerts, strict=True)]
    if letter.more:
        parts.append(f"{letter.more} more are in the log.\n")
    message.set_content("\n".join(parts))
    return message


def _subject(letter: AlertMail, number: int) -> str:
    rules = ", ".join(dict.fromkeys(alert.name for alert in letter.alerts))
    return f"{number} alerts: {rules if len(rules) <= 100 else f'{rules[:100]} …'}"


def _part(text: str, alert: Alert) -> str:
    told = {**alert.to_dict(), "since": utc_text(alert.since), "seconds": round(alert.seconds)}
    if alert.value is not None:
        told["value"] = f"{alert.value:.6g}"
    facts = (f"{key}: {value}" for key, value in told.items() if key != "text")
    return "\n".join([text, "", *map(printable, map(one_line, facts)), ""])
