"""Every exception that cvsync raises on purpose.

CvsyncError
├── SettingsError       what is missing or contradictory, and the flag and variable that set it
│   └── MissingKeyError no training key, and this call needs it
├── ManifestError       a manifest that cannot be used: its path and all problems
├── MissingProjectError there is no such project
├── MissingTagError     there is no such tag
├── MissingIterationError there is no such iteration, or none that is trained
├── PlanError           the manifest cannot be met as it stands
│   └── GuardError      a plan that may not be applied: delete limit, quota, stale plan
├── LockedError         another run holds the lock of this destination
├── ServiceError        the service answered, and said no
│   ├── AuthError       401, 403
│   ├── NotFoundError   404
│   ├── ThrottledError  429
│   └── TooLargeError   a download grew over its limit
├── TransportError      no answer, or none that can be read; the cause is chained
├── UnsupportedError    the chosen API version has no such operation
├── OverdueError        what the service works on takes longer than anybody waits; it may be done later
└── TrainingError       training, a gate or an export failed; the data is in

Refused rows and images are no errors: a run goes on without them and its report names them.
"""

from __future__ import annotations

from collections.abc import Sequence


class CvsyncError(Exception):
    """Base of everything that cvsync raises on purpose."""


class SettingsError(CvsyncError):
    """A setting is missing, unknown or contradicts another."""


class MissingKeyError(SettingsError):
    """There is no training key, and this call needs it."""


class ManifestError(CvsyncError):
    """A manifest that cannot be used; nothing was sent."""

    def __init__(self, path: str, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = list(problems)
        super().__init__(f"{path}: " + "; ".join(self.problems))


class MissingProjectError(CvsyncError):
    """There is no such project."""


class MissingTagError(CvsyncError):
    """There is no such tag."""


class MissingIterationError(CvsyncError):
    """There is no such iteration, or none that is trained."""


class PlanError(CvsyncError):
    """The manifest cannot be met as it stands."""


class GuardError(PlanError):
    """A guard refused the plan; nothing was sent."""


class LockedError(CvsyncError):
    """Another run holds the lock of this destination."""


class ServiceError(CvsyncError):
    """The service answered with an error."""

    def __init__(
        self, operation: str, status: int, code: str, message: str, *, retry_after: float | None = None
    ) -> None:
        self.operation = operation
        """The specification's operationId."""
        self.status = status
        """The HTTP status."""
        self.code = code
        """The service's error code, or the HTTP status as text where the gateway answered."""
        self.message = message
        self.retry_after = retry_after
        """Seconds to wait, where the answer said so."""
        answer = str(status) if code == str(status) else f"{status} {code}"
        super().__init__(f"{operation} answered {answer}: {message}".rstrip(": "))

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in (408, 429) or self.status >= 500


class AuthError(ServiceError):
    """The key is missing, wrong, of another region, or lacks the right."""


class NotFoundError(ServiceError):
    """The project, tag, image or iteration does not exist."""


class ThrottledError(ServiceError):
    """The rate limit was exceeded; nothing was done."""


class TooLargeError(ServiceError):
    """A download is larger than it may be."""

    def __init__(self, operation: str, most: int) -> None:
        super().__init__(operation, 200, "TooLarge", f"more than {most:,} bytes")


class TransportError(CvsyncError):
    """No answer, or none that can be read; the foreign exception is the cause."""

    def __init__(self, operation: str, message: str, *, sent: bool) -> None:
        self.operation = operation
        self.sent = sent
        """Whether the request may have reached the service, so that it may have been carried out."""
        super().__init__(f"{operation}: {message}")

    @property
    def is_transient(self) -> bool:
        """A connection that failed may hold next time."""
        return True


class UnsupportedError(CvsyncError):
    """The chosen API version has no such operation or argument; no call was made."""


class OverdueError(CvsyncError):
    """What the service works on takes longer than anybody waits; a later run finds it again."""


class TrainingError(CvsyncError):
    """Training, a quality gate or an export failed; the data is in."""
