"""The tree of errors that the client raises.

GitHubError                     everything below; says the status, the server's message and the request's id
├── InputError                  a value is wrong, found before any call
│   ├── MissingTokenError       there is no token
│   └── AddressError            the base URL is none
├── TokenRefusedError           401: the token is unknown or expired
├── PermissionDeniedError       403: the token may not do this; the next step names the permission
├── RateLimitedError            403, 429: too many calls; nothing was changed
├── NotFoundError               404, 410: it is not there, or the token may not see it
├── InvalidError                any other 4xx: the request was understood and is wrong
├── ServerError                 5xx
│   └── NotOfferedError         501: this server does not have the operation
├── UnreachableError            no answer, and nothing was changed
├── AmbiguousError              no usable answer to a creation: whether it was carried out is not known
└── MalformedAnswerError        an answer that is not what GitHub's documentation says
"""

from __future__ import annotations

from components.errors import ConfigurationError
from components.http.errors import ApiError


class GitHubError(ApiError):
    """An error of the API or on the way to it."""


class InputError(GitHubError, ConfigurationError):
    """A value is wrong, found before any call: nothing has been touched."""


class MissingTokenError(InputError):
    """There is no token."""


class AddressError(InputError):
    """The base URL is not the address of an API that may be given a token."""


class TokenRefusedError(GitHubError):
    """401: the token is unknown, expired or revoked."""


class PermissionDeniedError(GitHubError):
    """403: the token is good and may not do this. The next step names the permission that the operation needs."""


class RateLimitedError(GitHubError):
    """403 or 429: too many calls. Nothing was changed; `retry_after` says when to come back."""


class NotFoundError(GitHubError):
    """404 or 410 with GitHub's own words: it is not there, or the token may not see it. GitHub tells neither apart."""


class InvalidError(GitHubError):
    """The server refused the request as wrong; nothing was changed."""


class ServerError(GitHubError):
    """The service failed. For what is safe to do twice only: a creation that meets this raises AmbiguousError."""


class NotOfferedError(ServerError):
    """This server does not have the operation."""


class UnreachableError(GitHubError):
    """No answer, and nothing was changed: nothing was sent, or doing it twice would be the same."""


class AmbiguousError(GitHubError):
    """Whether a creation was carried out is not known: look before it is made again."""


class MalformedAnswerError(GitHubError):
    """An answer that is not of the shape that GitHub documents. Never quotes it."""
