"""What the life cycle of a branch can end in, besides the errors of the API client.

components.errors.InfraError
├── ConfigurationError          a declared value is wrong; no request was sent that changes anything
├── RefusedError                a stranger's branch, a protected one, a parent with living children
└── LifecycleError              everything below
    ├── MissingError            what a name or an id stands for is not there
    ├── GoneError               it was there, and somebody removed it while we worked
    ├── NotReadyError           not healthy, or no credentials, by the deadline
    ├── UnsettledError          a request's fate stays unknown after every safe attempt
    ├── SettingsNotAppliedError accepted by the service, and read back otherwise
    ├── NoRestorePointError     a backup has nothing to restore yet
    └── StillThereError         deleted by word, and still readable
"""

from __future__ import annotations

from components.errors import InfraError


class LifecycleError(InfraError):
    """A step in the life of a project or a branch did not come to its end."""


class MissingError(LifecycleError):
    """What a name or an id stands for is not there."""


class GoneError(LifecycleError):
    """It was there, and somebody removed it while we worked."""


class NotReadyError(LifecycleError):
    """A branch is not healthy, or has no credentials, by the deadline."""


class UnsettledError(LifecycleError):
    """The fate of a request stays unknown after every safe attempt; running again resolves it."""


class SettingsNotAppliedError(LifecycleError):
    """The service accepted settings and reads back others."""


class NoRestorePointError(LifecycleError):
    """A branch's backup has nothing to restore yet."""


class StillThereError(LifecycleError):
    """The service took a delete and still shows what was to be deleted."""
