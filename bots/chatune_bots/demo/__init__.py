"""Demonstrations that run with the real pieces: `chatune demo learning`."""
