"""The signature of requests that Slack sends over HTTP (v0, HMAC-SHA256)."""

import hashlib
import hmac


def signed(secret: str, body: str | bytes, at: float) -> dict[str, str]:
    """Return the two headers by which an app knows a request for Slack's, sent at `at`.

    Args:
        secret: the signing secret of the app.
        body: the body exactly as sent.
        at: seconds since the epoch. Slack's SDKs refuse more than five minutes from now.
    """
    raw = body.encode() if isinstance(body, str) else body
    stamp = str(int(at))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + raw, hashlib.sha256)
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest.hexdigest()}",
    }
