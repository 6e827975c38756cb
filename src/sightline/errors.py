"""Every error that Sightline raises on purpose.

    SightlineError
    ├── ConfigError              bad configuration or usage: exit code 2
    ├── SourceError              a source cannot be opened or read
    │   └── DecodeError          it can be read, but its content is broken or is no picture
    ├── ModelError               a model file or its card cannot be used
    │   └── NotVision            it is no vision model that we know
    ├── EngineError              a tensor runtime failed
    │   ├── EngineUnavailable    the runtime is not installed, or its device is not here
    │   └── InferenceError       one inference failed
    ├── SinkError                an output cannot be written
    ├── SearchError              vectors cannot be read or searched
    ├── MissingPackage           an optional package is not installed; an ImportError too
    └── RequestError             a request to the service, with its HTTP status
        ├── Malformed            400
        ├── Unauthorized         401
        ├── Forbidden            403
        ├── NotFound             404
        ├── TooSlow              408
        ├── Conflict             409
        ├── TooLarge             413
        ├── UnsupportedMedia     415
        ├── InvalidRequest       422
        ├── Overloaded           503
        │   └── Loading          503
        └── DeadlineExceeded     504

A message says what was wrong, where (file, key, stream), and what to do. Exceptions of other
libraries are mapped to these once, at the seam, with ``from exc``.
"""

from __future__ import annotations

import traceback


class SightlineError(Exception):
    """Root of every error that Sightline raises on purpose."""


class ConfigError(SightlineError):
    """Bad configuration or bad usage."""


class SourceError(SightlineError):
    """A source cannot be opened or read."""


class DecodeError(SourceError):
    """A source can be read, but what it holds is broken or is no picture."""


class ModelError(SightlineError):
    """A model file or its card cannot be used."""


class NotVision(ModelError):
    """A model file that is no vision model that we know; its tensors may be served as they are."""


class EngineError(SightlineError):
    """A tensor runtime failed."""


class EngineUnavailable(EngineError):
    """A runtime is not installed, or the device that was asked for is not here."""

    @classmethod
    def not_installed(cls, package: str, extra: str) -> EngineUnavailable:
        """The error for a missing optional package, naming the extra that brings it."""
        return cls(f"{package} is not installed: pip install 'sightline[{extra}]'")


class InferenceError(EngineError):
    """One inference failed."""


class SinkError(SightlineError):
    """An output cannot be written."""


class SearchError(SightlineError):
    """Vectors that are stored cannot be read or searched."""


class MissingPackage(SightlineError, ImportError):
    """What was called needs an optional package that is not installed."""

    @classmethod
    def of(cls, package: str, extra: str) -> MissingPackage:
        """The error for a package, naming the extra that brings it."""
        return cls(f"{package} is not installed: pip install 'sightline[{extra}]'", name=package)


class RequestError(SightlineError):
    """A request to the service cannot be answered; ``status`` is its HTTP status."""

    status = 500


class Malformed(RequestError):
    """The request is not what its protocol says that it must be."""

    status = 400


class Unauthorized(RequestError):
    """No token, or a wrong one."""

    status = 401


class Forbidden(RequestError):
    """The configuration does not allow it."""

    status = 403


class NotFound(RequestError):
    """There is no model or stream of this name."""

    status = 404


class TooSlow(RequestError):
    """The client did not send its request in time."""

    status = 408


class Conflict(RequestError):
    """It is there already, or in a state that does not allow this."""

    status = 409


class TooLarge(RequestError):
    """More bytes, pixels or parts than the service accepts."""

    status = 413


class UnsupportedMedia(RequestError):
    """What was sent is no picture of a format that is accepted."""

    status = 415


class InvalidRequest(RequestError):
    """The request itself is wrong."""

    status = 422


class Overloaded(RequestError):
    """The service has more work than it may accept; ``retry_after_s`` says when to try again."""

    status = 503

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Loading(Overloaded):
    """The model is still being loaded: the same request is answered in a while."""


class DeadlineExceeded(RequestError):
    """The answer would have come later than the request allowed."""

    status = 504


def let_go_of_frames(error: BaseException) -> None:
    """Empty the functions in an error's trace of their local variables; its lines stay readable.

    For an error that is kept or handed to another thread: its trace would hold every picture that
    those functions had in hand, and often the very object that holds the error, a circle that only the
    garbage collector ends. Functions that are still running are left alone.
    """
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            left += [one.__cause__, one.__context__]


def defect(error: BaseException) -> BaseException | None:
    """What the log shows with its trace: ``error``, unless Sightline raises it on purpose.

    Such an error says all in its message; its trace, for each request or frame, would only hide it.
    """
    return None if isinstance(error, SightlineError) else error
