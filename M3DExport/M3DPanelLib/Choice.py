"""One choice of several, as a panel's combo box offers it."""

from enum import Enum


class Choice(Enum):
    """Base of the panels' choices; saved in scenes by their names, shown by their labels.

    A member is given as its value and its text in the combo box: ``YES = True, _("yes")``.
    """

    def __new__(cls, value, text):
        """A member with a text."""
        member = object.__new__(cls)
        member._value_ = value
        member.text = text
        return member

    def label(self):
        """Text in the combo box, where Slicer's parameter node looks for it."""
        return self.text
