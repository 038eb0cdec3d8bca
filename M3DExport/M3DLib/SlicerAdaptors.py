"""The running application as plain arguments: the one file of the libraries that knows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from .Errors import Cancelled, M3DError

# Before that a guess of the time left would jump.
_SURE_AFTER_SECONDS, _SURE_AFTER_FRACTION = 2.0, 0.05


def applicationScene():
    """The application's scene."""
    import slicer

    return slicer.mrmlScene


def applicationDatabase():
    """The application's DICOM database, open or not; None when the DICOM module is disabled."""
    import slicer

    return getattr(slicer, "dicomDatabase", None)


def newIndexer():
    """An indexer that puts files into a DICOM database and waits until they are in."""
    import ctk

    return ctk.ctkDICOMIndexer()


def subjectHierarchy(scene=None):
    """The subject hierarchy of a scene, the application's when None."""
    import slicer

    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene or slicer.mrmlScene)


def setting(key: str, default: str) -> str:
    """A value of the application's settings as text."""
    import slicer

    return str(slicer.util.settingsValue(key, default))


def rawSetting(key: str):
    """A value of the application's settings as it is kept there; None when there is none."""
    import slicer

    return slicer.util.settingsValue(key, None)


def userFolder(name: str) -> Path:
    """A folder for files of the user's own, beside the application's settings; not made yet."""
    import slicer

    return Path(slicer.app.slicerUserSettingsFilePath).parent / name


def hasViews() -> bool:
    """Whether the application has views on screen, and so can render."""
    import slicer

    return slicer.util.mainWindow() is not None


def renderIfPossible() -> bool:
    """Let pictures be made in the application's own process where it has views; nothing has to be tried out then.

    :return: whether it has views.
    """
    from .Mesh.Rendering import allowRendering

    if hasViews():
        allowRendering()
    return hasViews()


def ensurePackages(requirements: Sequence[str], requester: str) -> None:
    """Install Python packages that are missing, when the user agrees.

    :param requirements: as in "jinja2>=3.1". :param requester: name of the module that asks.
    :raises M3DError: the user does not agree, or they cannot be installed.
    """
    from slicer.packaging import pip_check, pip_ensure

    missing = [requirement for requirement in requirements if not pip_check(requirement)]
    if not missing:
        return
    try:
        pip_ensure(missing, requester=requester)
    except RuntimeError as error:
        raise M3DError(f"{' and '.join(missing)} cannot be had: {error}") from error


def applicationVersion() -> str:
    """Version of the application."""
    import slicer

    return slicer.app.applicationVersion


def withApplicationVersion(description):
    """A model's description whose software versions name the application, unless it says versions itself.

    :param description: ``M3DLib.EncapsulatedStl.ModelDescription.ModelDescription``; a default one when None.
    """
    from .EncapsulatedStl.ModelDescription import ModelDescription
    from .Software import softwareVersions, withApplication

    description = description or ModelDescription()
    if description.equipment.softwareVersions:
        return description
    versions = withApplication(softwareVersions(), applicationVersion())
    equipment = replace(description.equipment, softwareVersions=tuple(versions))
    return replace(description, equipment=equipment)


def timeLeft(seconds: float, fraction: float) -> str:
    """How long work may take still, in words; "" while that cannot be told.

    :param seconds: that it has taken. :param fraction: of it that is done, 0 to 1.
    """
    if seconds < _SURE_AFTER_SECONDS or not _SURE_AFTER_FRACTION <= fraction < 1:
        return ""
    left = seconds * (1 - fraction) / fraction
    if left < 1.5:
        return "nearly done"
    return f"about {left:.0f} s left" if left < 90 else f"about {left / 60:.0f} min left"


class ProgressDialog:
    """A progress callback with a dialog that can stop the work; without a main window it only lets events through.

    The dialog is modal: nothing else can be begun beside the work. It says what is being done and how long it may take
    still, as far as that can be told from how long it has taken.

    Use it as a context manager, so that the dialog is closed whatever happens::

        with ProgressDialog("Exporting") as progress:
            work(progress)
    """

    def __init__(self, title: str):
        self._title = title
        self._dialog = None
        self._begin = 0.0

    def __enter__(self) -> Callable[[float, str], None]:
        import slicer

        self._begin = time.monotonic()
        if slicer.util.mainWindow() is not None:
            import qt

            self._dialog = slicer.util.createProgressDialog(
                value=0,
                maximum=100,
                labelText=self._title,
                windowTitle=self._title,
                windowModality=qt.Qt.ApplicationModal,
            )
        return self.report

    def report(self, fraction: float, text: str) -> None:
        """Show how far the work is.

        :raises Cancelled: the user has pressed Cancel.
        """
        import slicer

        if self._dialog is not None:
            left = timeLeft(time.monotonic() - self._begin, fraction)
            self._dialog.labelText = f"{text}\n{left}" if left else text
            self._dialog.value = int(100 * min(max(fraction, 0.0), 0.99))
        slicer.app.processEvents()
        if self._dialog is not None and self._dialog.wasCanceled:
            raise Cancelled

    def __exit__(self, *exception) -> None:
        if self._dialog is not None:
            self._dialog.close()
            self._dialog.deleteLater()
            self._dialog = None
