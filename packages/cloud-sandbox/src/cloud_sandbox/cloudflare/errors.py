"""The refusals of the API: status, code and wording.

Codes and wording are Cloudflare's where they are published or seen in its tools' issues; the HTTP statuses that go
with the codes of the 10050s and 10210s are not documented anywhere, so 400 and 404 stand there by analogy.
"""

from __future__ import annotations


class ApiError(Exception):
    """A request that is refused. The message never holds a secret."""

    def __init__(self, status: int, code: int, message: str, *, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        super().__init__(f"{status} {code} {message}")


def no_route(method: str, path: str) -> ApiError:
    """Nothing is at this path; the message names it, so that a gap in the stand-in is seen at once."""
    return ApiError(404, 7000, f"No route for that URI: {method} {path}")


def unroutable_account(path: str) -> ApiError:
    """The account in the path is not an id."""
    return ApiError(404, 7003, f"Could not route to {path}, perhaps your object identifier is invalid?")


def no_credentials() -> ApiError:
    """No Authorization header."""
    return ApiError(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")


def malformed_credentials() -> ApiError:
    """An Authorization header that is not a bearer token."""
    return ApiError(400, 6003, "Invalid request headers")


def unknown_token() -> ApiError:
    """`GET /user/tokens/verify` with a token nobody knows."""
    return ApiError(401, 1000, "Invalid API Token")


def no_access() -> ApiError:
    """A user's own pages, asked for with a token that is wrong or belongs to no user."""
    return ApiError(403, 9109, "Unauthorized to access requested resource")


def not_permitted() -> ApiError:
    """A wrong token, another account, or a permission that the token has not: one answer for all three."""
    return ApiError(403, 10000, "Authentication error")


def too_many_calls(seconds: int, limit: int, window: int) -> ApiError:
    """The rate limit."""
    headers = {
        "Retry-After": str(seconds),
        "Ratelimit": f'"default";r=0;t={seconds}',
        "Ratelimit-Policy": f'"default";q={limit};w={window}',
    }
    return ApiError(429, 971, "Please wait and consider throttling your request speed", headers=headers)


def unreadable(why: str) -> ApiError:
    """A body that cannot be read."""
    return ApiError(400, 10026, f"Could not parse request body: {why}")


def worker_not_found() -> ApiError:
    """No such Worker."""
    return ApiError(404, 10007, "This Worker does not exist on your account.")


def service_not_found() -> ApiError:
    """No such Worker, as the older service routes say it."""
    return ApiError(404, 10090, "This service does not exist on your account.")


def invalid_name(name: str) -> ApiError:
    """A name no Worker can have."""
    return ApiError(400, 10016, f"Invalid Worker name {name[:80]!r}: letters, digits, _ and -, at most 63 characters")


def invalid(what: str) -> ApiError:
    """A rule of the API is broken."""
    return ApiError(400, 10021, what)


def nameless_binding() -> ApiError:
    """A binding without a name."""
    return ApiError(400, 10052, "A binding was uploaded without a name")


def name_taken(name: str) -> ApiError:
    """A secret whose name another kind of binding has."""
    return ApiError(400, 10053, f"Binding name '{name}' already in use. Please use a different name and try again.")


def value_too_long(name: str, limit: int) -> ApiError:
    """A value over the limit."""
    return ApiError(400, 10054, f"The value of '{name}' is too large: at most {limit} bytes")


def too_many_variables(limit: int) -> ApiError:
    """More variables and secrets than a Worker may have."""
    return ApiError(400, 10055, f"Too many environment variables and secrets: at most {limit} for a Worker")


def binding_not_found(name: str) -> ApiError:
    """A secret that is not there."""
    return ApiError(404, 10056, f"Binding '{name}' not found. Please check the binding name and try again.")


def invalid_inherit(name: str, why: str) -> ApiError:
    """An `inherit` binding that the version before has not."""
    return ApiError(400, 10057, f"inherit binding '{name}' is invalid: {why}")


def settings_not_deployed() -> ApiError:
    """Settings cannot be edited while a newer version waits."""
    return ApiError(
        400,
        10214,
        "Script edit failed. You attempted to deploy the latest version with modified settings, but the latest version"
        " isn't currently deployed. Either upload a new version to edit the version settings, or use the script-level"
        ' settings API (/workers/scripts/{script_name}/script-settings) to modify the "logpush" and "tail_consumers"'
        " settings.",
    )


def secret_not_deployed() -> ApiError:
    """A secret cannot be edited while a newer version waits."""
    return ApiError(
        400,
        10215,
        "Secret edit failed. You attempted to modify a secret, but the latest version of your Worker isn't currently"
        " deployed. Please ensure that the latest version of your Worker is fully deployed (wrangler versions deploy)"
        " before modifying secrets. Alternatively, you can use the Cloudflare dashboard to modify secrets and deploy"
        " the version.",
    )


def no_versions() -> ApiError:
    """A Worker without any version."""
    return ApiError(404, 10222, "No versions have been uploaded yet")


def version_not_found(version: str) -> ApiError:
    """No such version."""
    return ApiError(404, 10223, f"Version '{version[:80]}' was not found")
