"""Models that the tests of this folder share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chatune_core.generation.loading import OpenedModel
from fakes.runners import opened
from fakes.tiny_models import CONFIGS, write_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a tiny random model of a family."""
    root = tmp_path_factory.mktemp("tiny")
    return lambda family: (
        root / family if (root / family).is_dir() else write_model(root / family, family)
    )


@pytest.fixture(scope="session", params=sorted(CONFIGS))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tiny_llama(tiny: Callable[[str], Path], tmp_path: Path) -> OpenedModel:
    return opened(tiny("llama"), tmp_path)
