"""Logging that keeps what people wrote out of the log."""


class Failure(Exception):
    """Stands for an exception in the log: its type and where it was raised, not its words."""


def without_text(error: BaseException) -> BaseException:
    """Return an exception to log in place of `error`.

    An exception's message often quotes the input that caused it, and a log must hold no message
    text; type and traceback suffice to find the defect.
    """
    return Failure(type(error).__name__).with_traceback(error.__traceback__)
