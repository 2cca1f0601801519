"""The errors of HTTP: a branch of the tree in `orchestrator.errors`, on a page of its own."""

from __future__ import annotations

from orchestrator.errors import AgentError, PointsmanError


class ExtraMissingError(PointsmanError, ImportError):
    """Raised when a part is asked for whose packages are not installed; names the extra that brings them."""

    def __init__(self, part: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{part} needs packages that are not installed; pip install 'pointsman[{extra}]'")


class HttpError(PointsmanError):
    """Root of what the HTTP client raises. Messages name an origin, never a path, a query, credentials or a header."""


class HttpRequestError(HttpError, AgentError):
    """Raised when a request is refused before anything is sent: its URL, a header, its body or a redirect."""

    def __init__(self, subject: str, problem: str) -> None:
        self.subject = subject
        super().__init__(f"{subject}: {problem}")


class AddressBlockedError(HttpRequestError):
    """Raised when a host is, or resolves to, an address that is not to be asked; carries host, address and why."""

    def __init__(self, host: str, address: str, why: str) -> None:
        self.host, self.address, self.why = host, address, why
        at = "" if host == address else f"is at {address}, which "
        super().__init__(f"host {host!r}", f"{at}is {why}: blocked; if it is meant, name it in `allow` of the client")


class HttpTransportError(HttpError):
    """Raised when no answer came: the connection could not be made, broke, or does not speak HTTP/1.1.

    Attributes:
        target: method and origin.
        nothing_sent: True where the other side cannot have seen the request.
    """

    def __init__(self, target: str, problem: str, *, nothing_sent: bool = False) -> None:
        self.target, self.nothing_sent = target, nothing_sent
        super().__init__(f"{target}: {problem}; look whether the service is up, or try again later")


class HttpTimeoutError(HttpError):
    """Raised when a call or its last attempt took longer than it may; carries method, origin and the seconds."""

    def __init__(self, target: str, seconds: float, limit: str, *, nothing_sent: bool = False) -> None:
        self.target, self.seconds, self.nothing_sent = target, seconds, nothing_sent
        super().__init__(f"{target}: not done within {seconds:g} s; raise `{limit}` or look why the service is slow")


class HttpBudgetError(HttpError, AgentError):
    """Raised when a client has used up what it may; names the limit."""

    def __init__(self, limit: str, allowed: float) -> None:
        self.limit, self.allowed = limit, allowed
        super().__init__(f"the client's budget of {allowed:g} {limit} is used up; raise it, or ask for less")


class HttpAnswerError(HttpError, AgentError):
    """Raised when an answer came and cannot be used: too large, badly encoded, no JSON; names method and origin."""

    def __init__(self, target: str, problem: str) -> None:
        self.target = target
        super().__init__(f"{target}: {problem}")


class HttpStatusError(HttpError):
    """Raised when an answer that must be a success is none; carries the status."""

    def __init__(self, target: str, status: int) -> None:
        self.target, self.status = target, status
        super().__init__(f"{target}: status {status}; see the service's documentation of it")


class HttpClosedError(HttpError):
    """Raised when a closed HTTP client is asked, or closes while it is asked."""

    def __init__(self) -> None:
        super().__init__("the HTTP client is closed; make the call inside its `async with`")


class OfflineError(PointsmanError):
    """Raised when something connects to a network while a run is offline; names where to, and from which line."""

    def __init__(self, where: str, line: str = "") -> None:
        self.where, self.line = where, line
        at = f"{line}: " if line else ""
        super().__init__(
            f"{at}a replay asks the network: {where}; read it through `context.read` or `HttpClient`, "
            "and record it again"
        )
