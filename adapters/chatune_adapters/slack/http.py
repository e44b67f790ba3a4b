"""HTTP: signed requests in, answered once what they carry is stored; and the install pages."""

import logging
from collections.abc import Awaitable, Callable

import anyio
from aiohttp import web
from anyio.abc import TaskStatus
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from chatune_adapters.slack.bolt import INSTALL, REDIRECT
from chatune_adapters.slack.settings import SlackSettings
from chatune_adapters.slack.watchdog import Watchdog
from chatune_core.errors import ConfigurationError
from chatune_core.logs import without_text

logger = logging.getLogger(__name__)
_LARGEST = 4 * 1024 * 1024
_GOODBYE_S = 5.0
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpServer:
    """Listens at `settings.listen`: for events unless they come over a socket, for installs."""

    def __init__(
        self,
        settings: SlackSettings,
        app: AsyncApp,
        flow: AsyncOAuthFlow | None,
        watchdog: Watchdog,
    ) -> None:
        self._settings, self._app, self._flow = settings, app, flow
        self.watchdog = watchdog
        self._closed = False
        self.port = 0

    def close(self) -> None:
        """Refuse events from now on, so that Slack brings them again later."""
        self._closed = True
        if not self._settings.socket_mode:
            self.watchdog.lost("closed")

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled.

        Raises:
            ConfigurationError: the address cannot be listened on.
        """
        address = self._settings.address
        if address is None:
            task_status.started()
            return
        runner = web.AppRunner(self._routes(), access_log=None, shutdown_timeout=_GOODBYE_S)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, *address).start()
            except OSError as error:
                raise ConfigurationError(
                    f"Nothing can listen at {self._settings.listen} ({error.strerror}).",
                    "Set slack.listen to an address of this machine that is free.",
                ) from error
            self.port = runner.addresses[0][1]
            if not self._settings.socket_mode:
                self.watchdog.heard()
            task_status.started()
            await anyio.sleep_forever()
        finally:
            with anyio.move_on_after(_GOODBYE_S + 1, shield=True):
                await runner.cleanup()

    def _routes(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST)
        if not self._settings.socket_mode:
            application.router.add_post(self._settings.path, self._event)
        if self._flow is not None:
            application.router.add_get(INSTALL, self._page(self._flow.handle_installation))
            application.router.add_get(REDIRECT, self._page(self._flow.handle_callback))
        return application

    async def _event(self, request: web.Request) -> web.StreamResponse:
        if self._closed:
            return web.Response(status=503)
        try:
            asked = await to_bolt_request(request)
        except ValueError as error:
            logger.error("a request cannot be read: %s", type(error).__name__)
            return web.Response(status=400)
        answer = await self._app.async_dispatch(asked)
        if answer.status == 401:
            logger.warning("a request with a wrong signature or an old timestamp is refused")
        elif answer.status == 200:
            self.watchdog.heard()
        return await to_aiohttp_response(answer)

    def _page(self, handle: Callable[[AsyncBoltRequest], Awaitable[BoltResponse]]) -> Answering:
        async def page(request: web.Request) -> web.StreamResponse:
            try:
                answer = await handle(await to_bolt_request(request))
            except Exception as error:  # a browser waits; the server must live
                failure = without_text(error)
                logger.error("the page %s failed", request.path, exc_info=failure)
                return web.Response(status=500, text="That did not work. Please try again.")
            return await to_aiohttp_response(answer)

        return page
