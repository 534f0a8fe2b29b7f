"""The tree of errors that the client raises.

XataError                       everything below; says the status, the server's message and the request's id
├── InputError                  a value is wrong, found before any call
│   ├── MissingKeyError         there is no API key
│   └── AddressError            the base URL is none
│       └── LiteRetiredError    the base URL is one of Xata Lite, which has ended
├── KeyRefusedError             401: the key is unknown, expired or of another organization
├── PermissionDeniedError       403: the key lacks the scope that the error names, or the project, or the branch; or
│                               something else, which is quoted
├── LimitError                  400, 403, 429: a limit of the project or the organization, which the error names
├── NotFoundError               404, and Xata itself said so
├── ConflictError               409: the name is taken, or someone changed the same thing at the same time
├── InvalidError                any other 4xx: the request was understood and is wrong
├── BusyError                   423, 429, 503, 403 "temporarily", 409 of a busy project: nothing was changed, later it
│                               may work
├── ServerError                 5xx, also the 401 that an outage of the service answers
│   └── NotOfferedError         501, or a route that this version of the service does not have
├── UnreachableError            no answer, and nothing was changed
├── AmbiguousError              no usable answer to a write: whether it was carried out is not known
└── MalformedAnswerError        an answer that is not what the API's document says
"""

from __future__ import annotations

from components.errors import ConfigurationError
from components.http.errors import ApiError


class XataError(ApiError):
    """An error of the API or on the way to it."""


class InputError(XataError, ConfigurationError):
    """A value is wrong, found before any call: nothing has been touched."""


class MissingKeyError(InputError):
    """There is no API key."""


class AddressError(InputError):
    """The base URL is not the address of an API that may be given a key."""


class LiteRetiredError(AddressError):
    """The base URL is one of Xata Lite, which ended on 28 February 2026."""


class KeyRefusedError(XataError):
    """401: the key is unknown, expired, or does not belong to the organization."""


class PermissionDeniedError(XataError):
    """403: the key is good and may not do this. Where the service says so, the next step names the scope it needs."""


class LimitError(XataError):
    """A limit of the project or the organization is reached; the message says which."""


class NotFoundError(XataError):
    """404 with a message of Xata's own: the organization, project, branch, backup or secret is not there.

    A 404 of a proxy, or of an address that is no API, is a MalformedAnswerError: "gone" is only what Xata says is gone.
    """


class ConflictError(XataError):
    """409: the name is taken, or the same thing was changed at the same time."""


class InvalidError(XataError):
    """The server refused the request as wrong; nothing was changed."""


class BusyError(XataError):
    """The server does not do this now; nothing was changed, and later it may work."""


class ServerError(XataError):
    """The service failed. For reads and deletes only: a write that meets this raises AmbiguousError."""


class NotOfferedError(ServerError):
    """This version of the service does not have the operation."""


class UnreachableError(XataError):
    """No answer, and nothing was changed: either nothing was sent, or the request was a read or a delete to repeat."""


class AmbiguousError(XataError):
    """Whether a write was carried out is not known: look before it is made again.

    With a `status` below 300 it was carried out, and only the answer is lost or malformed.
    """


class MalformedAnswerError(XataError):
    """An answer that is not JSON, or not of the shape that the API's document gives. Never quotes it."""
