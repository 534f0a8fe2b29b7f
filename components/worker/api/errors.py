"""The tree of errors that the client raises.

CloudflareError                 everything below; says the status, the codes, the server's message and the ray's id
├── InputError                  a value is wrong, found before any call
│   ├── MissingTokenError       there is no API token
│   ├── MissingAccountError     there is no account id
│   └── AddressError            the base URL is none
├── TokenRefusedError           1000, 6003, 6111, 9106, 401: the token is unknown, expired, or not one
├── PermissionDeniedError       9109, 10000, 10001, 10023, 403: the token lacks the permission, or the account is wrong
├── NotFoundError               404, and Cloudflare itself said so
│   ├── WorkerNotFoundError     10007, 10090: there is no such Worker
│   ├── SecretNotFoundError     10056: the Worker has no such secret
│   └── NoVersionsError         10222: the Worker has no version yet, so it has no code
├── UndeployedVersionError      10214, 10215: a newer version of the Worker is not deployed
├── NameTakenError              10053: another kind of binding has the name
├── MissingBindingError         10057: the upload counts on a secret that is not there
├── NoSubdomainError            10063: the account has no workers.dev subdomain
├── ConflictError               409: it is there already, or somebody changed it at the same time
├── InvalidError                any other refusal: the request was understood and is wrong
├── BusyError                   423, 429, 503: nothing was changed, later it may work
├── ServerError                 5xx
├── NotOfferedError             7000, 7003: no such route, or no such account in it
├── UnreachableError            no answer to something that is safe to do again, or nothing was sent
├── AmbiguousError              no usable answer to an upload or a deployment: whether it was carried out is not known
└── MalformedAnswerError        an answer that is not what the API's documents say
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.errors import ConfigurationError
from components.http.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable


class CloudflareError(ApiError):
    """An error of the API or on the way to it.

    Args:
        message: What was tried, what came back. Never a secret.
        codes: Cloudflare's own codes; empty when there were none.
        names: The secrets that Cloudflare's message names, of those that were sent.
        facts: What `ApiError` takes.
    """

    def __init__(self, message: str, *, codes: Iterable[int] = (), names: Iterable[str] = (), **facts: Any) -> None:
        super().__init__(message, **facts)
        self.codes = tuple(codes)
        self.names = tuple(names)


class InputError(CloudflareError, ConfigurationError):
    """A value is wrong, found before any call: nothing has been touched."""


class MissingTokenError(InputError):
    """There is no API token."""


class MissingAccountError(InputError):
    """There is no account id."""


class AddressError(InputError):
    """The base URL is not the address of an API that may be given a token."""


class TokenRefusedError(CloudflareError):
    """The token is unknown, expired, revoked, or not a token at all."""


class PermissionDeniedError(CloudflareError):
    """The token may not do this, or not on this account: both are answered alike. The next step names it."""


class NotFoundError(CloudflareError):
    """404 in Cloudflare's own envelope. That of a proxy is a MalformedAnswerError: it does not know what is gone."""


class WorkerNotFoundError(NotFoundError):
    """There is no Worker of that name on the account."""


class SecretNotFoundError(NotFoundError):
    """The Worker has no such secret. With several in one change nothing was changed."""


class NoVersionsError(NotFoundError):
    """The Worker exists and has no code: nothing was ever uploaded to it."""


class UndeployedVersionError(CloudflareError):
    """A newer version of the Worker is not deployed, so a change would deploy it along; nothing was changed."""


class NameTakenError(CloudflareError):
    """Another kind of binding, such as a plain variable, has the name; nothing was changed. `names` says which."""


class MissingBindingError(CloudflareError):
    """An upload inherits a binding, such as a required secret, that the Worker does not have."""


class NoSubdomainError(CloudflareError):
    """The account has no workers.dev subdomain."""


class ConflictError(CloudflareError):
    """It is there already, or somebody changed it at the same time."""


class InvalidError(CloudflareError):
    """The server refused the request as wrong; nothing was changed."""


class BusyError(CloudflareError):
    """The server does not do this now; nothing was changed, and later it may work."""


class ServerError(CloudflareError):
    """The service failed, and went on failing when asked again."""


class NotOfferedError(CloudflareError):
    """There is no such route: the base URL is another service's, or the account id in the path is none."""


class UnreachableError(CloudflareError):
    """No answer. Nothing was sent, or what was sent is safe to do again."""


class AmbiguousError(CloudflareError):
    """Whether an upload or a deployment was carried out is not known: look before it is made again."""


class MalformedAnswerError(CloudflareError):
    """An answer that is not JSON, or not of the shape that the API's documents give. Never quotes it."""
