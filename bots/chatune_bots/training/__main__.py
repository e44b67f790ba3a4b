"""The process that trains; see `trainer`."""

from chatune_bots.training.trainer import run_trainer
from chatune_bots.training.workshop import furnish

run_trainer(furnish)
