"""Refusals as Discord words them: a status, a code, a message, and where in the form it is."""

from chatune_adapters.testing.discord.entities import Json


class WireError(Exception):
    """A request that is answered with an error body."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.body: Json = {"message": message, "code": code}
        if errors:
            self.body["errors"] = errors


def unauthorized() -> WireError:
    """The token is wrong or was revoked."""
    return WireError(401, 0, "401: Unauthorized")


def no_such_route() -> WireError:
    """The path is not part of the interface."""
    return WireError(404, 0, "404: Not Found")


_UNKNOWN = {
    10002: "Application",
    10003: "Channel",
    10004: "Guild",
    10007: "Member",
    10008: "Message",
    10013: "User",
    10014: "Emoji",
    10015: "Webhook",
    10062: "interaction",
    10063: "application command",
}
_FORBIDDEN = {
    50001: "Missing Access",
    50003: "Cannot execute action on this channel type",
    50005: "Cannot edit a message authored by another user",
    50007: "Cannot send messages to this user",
    50013: "Missing Permissions",
    90001: "Reaction was blocked",
}
_BAD = {
    30032: "Maximum number of application commands reached",
    40005: "Request entity too large",
    40060: "Interaction has already been acknowledged.",
    50006: "Cannot send an empty message",
    50109: "The request body contains invalid JSON.",
    160004: "A thread has already been created for this message",
}


def refusal(code: int) -> WireError:
    """Return the error for one of Discord's codes that this server knows."""
    if code in _UNKNOWN:
        return WireError(404, code, f"Unknown {_UNKNOWN[code]}")
    if code in _FORBIDDEN:
        return WireError(403, code, _FORBIDDEN[code])
    if code == 50027:
        return WireError(401, code, "Invalid Webhook Token")
    return WireError(413 if code == 40005 else 400, code, _BAD[code])


def invalid_form(*path: str | int, code: str, message: str) -> WireError:
    """The value at `path` is not acceptable: 50035 with the nested `errors` of Discord."""
    errors: Json = {"_errors": [{"code": code, "message": message}]}
    for step in reversed(path):
        errors = {str(step): errors}
    return WireError(400, 50035, "Invalid Form Body", errors)
