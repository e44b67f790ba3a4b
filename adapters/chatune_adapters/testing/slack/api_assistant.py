"""Methods of assistant threads: status, suggested prompts, title."""

from chatune_adapters.testing.slack.calls import ApiError, AssistantThread, Call, Method, Methods
from chatune_adapters.testing.slack.world import Json

PROMPTS_AT_MOST = 4


async def _status(call: Call) -> Json:
    shown = _thread(call, "thread_ts")
    shown.statuses.append(call.maybe("status") or "")
    return {}


async def _prompts(call: Call) -> Json:
    prompts = call.structure("prompts")
    if not isinstance(prompts, list) or not 0 < len(prompts) <= PROMPTS_AT_MOST:
        raise ApiError("invalid_arguments")
    if not all(isinstance(one, dict) and {"title", "message"} <= one.keys() for one in prompts):
        raise ApiError("invalid_arguments")
    _thread(call, "thread_ts").prompts[:] = prompts
    return {}


async def _title(call: Call) -> Json:
    _thread(call, "thread_ts").titles.append(call.text("title"))
    return {}


def _thread(call: Call, name: str) -> AssistantThread:
    channel = call.channel("channel_id")
    thread_ts = call.text(name)
    if channel.visible(thread_ts) is None:
        raise ApiError("thread_not_found")
    return call.site.assistant(channel.id, thread_ts)


METHODS: Methods = {
    "assistant.threads.setStatus": Method(_status, ("assistant:write", "chat:write")),
    "assistant.threads.setSuggestedPrompts": Method(_prompts, ("assistant:write",)),
    "assistant.threads.setTitle": Method(_title, ("assistant:write",)),
}
