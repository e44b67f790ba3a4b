"""A whole bot, ready to talk to."""

import pytest

from fakes.world import World, make_world


@pytest.fixture
def world() -> World:
    return make_world()
