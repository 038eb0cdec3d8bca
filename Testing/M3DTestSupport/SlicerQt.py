"""Stand-ins for the few classes of Qt that the panels make themselves; names are checked against the recording."""

from __future__ import annotations

from pathlib import Path

from .SlicerApi import membersOf


class QTableWidgetItem:
    """A cell of a table."""

    def __init__(self, text=""):
        self._text, self._toolTip, self._foreground = text, "", None

    def text(self):
        return self._text

    def toolTip(self):
        return self._toolTip

    def setToolTip(self, text):
        self._toolTip = text

    def setForeground(self, brush):
        assert isinstance(brush, QBrush)
        self._foreground = brush


class QColor:
    """A color by its name."""

    def __init__(self, name):
        assert name.startswith("#") and len(name) == 7


class QBrush:
    """A brush of a color."""

    def __init__(self, color):
        assert isinstance(color, QColor)


class QPixmap:
    """A picture from a PNG file."""

    def __init__(self, file):
        from PIL import Image

        with Image.open(Path(file)) as picture:
            self._size = picture.size

    def width(self):
        return self._size[0]

    def scaledToWidth(self, width):
        self._size = (width, round(self._size[1] * width / self._size[0]))
        return self


class Qt:
    """The namespace of Qt's constants."""

    Unchecked, Checked = 0, 2


CLASSES = (QTableWidgetItem, QColor, QBrush, QPixmap)


def unknownNames():
    """Public names of the stand-ins that the application's classes do not have."""
    return [
        f"{standIn.__name__}.{name}"
        for standIn in CLASSES
        for name in vars(standIn)
        if not name.startswith("_") and name not in membersOf(standIn.__name__)
    ]
