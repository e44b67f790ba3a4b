"""`GET /health`: how the platforms stand, for a supervisor or a monitor."""

from collections.abc import Sequence

import anyio
from aiohttp import web
from anyio.abc import TaskStatus

from chatune_adapters.platform import Platform
from chatune_core.errors import ConfigurationError


async def serve_health(
    address: str,
    platforms: Sequence[Platform],
    *,
    task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Answer at `address` (`host:port`) until cancelled; started with the port.

    200 while every platform is connected, 503 while one is not; the body says which and why.

    Raises:
        ConfigurationError: the address is taken or not of this machine.
    """

    async def health(request: web.Request) -> web.Response:
        seen = {platform.name: platform.health() for platform in platforms}
        well = all(one.connected for one in seen.values())
        body = {
            "status": "ok" if well else "degraded",
            "platforms": {
                name: {
                    "connected": one.connected,
                    "silent_s": round(one.silent_s, 1),
                    "detail": one.detail,
                }
                for name, one in seen.items()
            },
        }
        return web.json_response(body, status=200 if well else 503)

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    host, _, port = address.rpartition(":")
    await runner.setup()
    try:
        await web.TCPSite(runner, host, int(port)).start()
        task_status.started(runner.addresses[0][1])
        await anyio.sleep_forever()
    except OSError as error:
        raise ConfigurationError(
            f"serve.health cannot listen at {address}: {error.strerror}.", "Choose another port."
        ) from error
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()
