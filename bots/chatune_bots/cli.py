"""The command line: `chatune chat | serve | init | doctor | data`."""


def main() -> None:
    """Entry point of `chatune`."""
