"""Keeps libraries from drawing bars of their own and speaking on stderr."""

import os


def quiet_libraries() -> None:
    """Have transformers and tqdm say nothing; of use only before they are imported."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
