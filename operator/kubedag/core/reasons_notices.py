"""The part of the closed list of reasons that only notifications say."""

from __future__ import annotations

from typing import Final

from kubedag.core.reasons import EVENT, NOTIFICATION, Reason


def _notice(name: str, means: str, remedy: str = "") -> Reason:
    return Reason(name, means, remedy, said_of=(NOTIFICATION,))


def _event(name: str, means: str) -> Reason:
    return Reason(name, means, said_of=(EVENT,))


OF_NOTICES: Final = (
    _notice("SecretNotFound", "the Secret that it names is not there", "create it"),
    _notice("SecretKeyNotFound", "the Secret has no such key, or no text in it", "add the key"),
    _notice(
        "SecretForbidden",
        "the operator may not read the Secret",
        "grant it get on this Secret, as docs/notifications.md shows",
    ),
    _notice("SecretUnreadable", "the API server did not give the Secret away this time"),
    _notice(
        "ReceiverNotFound",
        "the operator's administrator has set up no receiver of that name",
        "mend the name, or ask for one",
    ),
    _notice(
        "ReceiverForbidden",
        "the receiver is not for this namespace, or only receivers of the operator's administrator "
        "are permitted",
        "ask the administrator",
    ),
    _notice("NotificationNotFound", "the DAG has no such notification any more"),
    _notice(
        "AddressInvalid",
        "the address, of the DAG or of the Secret that it names, is none",
        "mend the DAG or the Secret",
    ),
    _notice(
        "NotSendable",
        "it cannot be sent in this way, whoever takes it",
        "look at the headers, the template, the username and the password; if there is nothing wrong "
        "with them, the log of the operator says more",
    ),
    _notice("ReceiverUnreachable", "no connection, or it broke, or its certificate is not good"),
    _notice(
        "EncryptionNotOffered",
        "the mail server offers no STARTTLS, and security is StartTLS, the default",
        "set server.security to TLS, mostly on port 465, or to None to do without encryption",
    ),
    _notice(
        "LoginNotOffered",
        "the mail server takes no username and password over this connection",
        "leave out server.username, or set server.security to StartTLS or TLS",
    ),
    _notice("ReceiverTimedOut", "there was no answer within 10 seconds"),
    _notice("ReceiverBusy", "it asked to be left alone for a while, or is in trouble itself"),
    _notice(
        "ReceiverRefused",
        "it said no, and would again; a redirection counts as that, and is not followed",
        "look at the address, the token and the template",
    ),
    _event("NotificationSent", "somebody was told of something"),
    _event("NotificationFailed", "somebody could not be told, for good; the message says why"),
)
