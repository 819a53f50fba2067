"""A message in the forms in which it leaves: mail, text, HTML and JSON; pure functions, nothing is sent here."""

from monitor.message.html import as_html
from monitor.message.link import Link, link_to
from monitor.message.mail import BadMail, Envelope, Mailbox, audit, compose
from monitor.message.payload import as_body, as_payload
from monitor.message.text import as_text
from monitor.message.wording import headline, subject

__all__ = [
    "BadMail",
    "Envelope",
    "Link",
    "Mailbox",
    "as_body",
    "as_html",
    "as_payload",
    "as_text",
    "audit",
    "compose",
    "headline",
    "link_to",
    "subject",
]
