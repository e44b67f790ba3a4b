"""A bot in a process of its own, to be killed: API_BASE APP_TOKEN answers|mute."""

import asyncio
import sys

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient


async def main(api_base: str, app_token: str, manner: str) -> None:
    client = SocketModeClient(app_token, web_client=AsyncWebClient(base_url=api_base))

    async def hear(by: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        if manner == "answers":
            await by.send_socket_mode_response(SocketModeResponse(request.envelope_id))

    client.socket_mode_request_listeners.append(hear)
    await client.connect()  # type: ignore[no-untyped-call]
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
