"""The errors of the house: one for everything a user can put right, one for a run the user stopped."""

from collections.abc import Iterable


class M3DError(ValueError):
    """Input or state that a user can put right: says what is wrong, where, and what to do.

    :ivar problems: every problem found, one sentence each; ``str(error)`` joins them with line breaks.
    """

    def __init__(self, problems: str | Iterable[str]):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class Cancelled(Exception):
    """Raised by a progress callback to stop long work; whoever catches it leaves nothing behind."""


def noProgress(fraction: float, text: str) -> None:
    """Progress callback that does nothing: the default of every long-running function.

    :param fraction: work done, 0 to 1.
    :param text: what is being done now; a callback that wants to stop the work raises :class:`Cancelled`.
    """
