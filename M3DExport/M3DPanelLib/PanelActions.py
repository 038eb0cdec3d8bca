"""What the buttons of the panels do alike: long work with a progress dialog, its outcome in a label, errors shown."""

import contextlib

import slicer

from .LibraryMessages import translatedMessage


@contextlib.contextmanager
def errorsShown(heading, waitCursor=False):
    """Show an error that happens within, below a heading.

    What a user can put right (``M3DError``) is shown and ends there, for a traceback in the console would only hide
    what it says; any other error is a defect, and is raised again with its traceback.
    """
    from M3DLib.Errors import M3DError

    problem = None
    with slicer.util.tryWithErrorDisplay(heading, waitCursor=waitCursor):
        try:
            yield
        except M3DError as error:
            problem = error
    if problem is not None:
        slicer.util.errorDisplay(f"{heading}\n\n{translatedMessage(str(problem))}")


class PanelActions:
    """Base of what the buttons of a panel do.

    :param ui: the widgets of the panel's ``.ui`` file.
    :param widget: the module's widget, asked for its ``logic``.
    """

    def __init__(self, ui, widget):
        self.ui = ui
        self.widget = widget

    def work(self, title, work, label, *, failed, reason, stopped, waitCursor=False, prepare=None):
        """Do long work that a user can stop; what comes of it is said in a label.

        :param title: of the progress dialog.
        :param work: called with the progress callback.
        :param failed: heading of what is shown when it fails.
        :param reason: text for the label then, with ``{reason}`` in it.
        :param stopped: text for the label when the user has stopped it.
        :param prepare: called first, before there is a progress dialog: what asks the user something of its own.
        :return: whether the work was done.
        """
        from M3DLib.Errors import Cancelled
        from M3DLib.SlicerAdaptors import ProgressDialog

        label.text = ""
        isDone = False
        with errorsShown(failed, waitCursor=waitCursor):
            try:
                if prepare is not None:
                    prepare()
                with ProgressDialog(title) as progress:
                    work(progress)
                isDone = True
            except Cancelled:
                label.text = stopped
            except Exception as error:
                label.text = reason.format(reason=translatedMessage(str(error)))
                raise
        return isDone
