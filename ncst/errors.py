"""The one exception that users are meant to read."""


class NcstError(Exception):
    """A problem the user can solve: one sentence that says what is wrong, where, and how to fix it."""
