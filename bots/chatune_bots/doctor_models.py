"""The doctor's look at one model: does it load here, does the server answer and know it."""

from functools import partial

from anyio import to_thread

from chatune_bots.compose import load_local, remote_settings
from chatune_bots.home import Home
from chatune_bots.settings import LocalModel, RemoteModel, Settings
from chatune_core.errors import ConfigurationError


async def local_model(model: LocalModel, home: Home) -> str:
    """Load the model as `chat` does and return what it runs on.

    Raises:
        ConfigurationError: it is missing, too large or of a kind that cannot run.
    """
    opened = await to_thread.run_sync(partial(load_local, model, home, lambda stage, share: None))
    # Once torch is there, asking it costs nothing.
    from chatune_core.generation.device import choose_placement, free_bytes

    placement = choose_placement(model.device, model.dtype, model.threads or 0)
    free = free_bytes(placement.device) / 1e9
    return f"{opened.description}; {free:.1f} GB of memory are left"


async def remote_model(model: RemoteModel, settings: Settings) -> str:
    """Ask the server for the model and return what it said.

    Raises:
        ConfigurationError: it cannot be reached, refuses the key or lacks the model.
    """
    from chatune_core.generation.openai_server import check_server

    check = await check_server(remote_settings(model, settings))
    if not check.ok:
        raise ConfigurationError(f"{check.line}.", check.remedy)
    return check.line
