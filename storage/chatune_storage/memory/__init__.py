"""The storage ports without a disk: for tests, benchmarks and bots that may forget."""

from chatune_storage.memory.compose import memory_stores

__all__ = ["memory_stores"]
