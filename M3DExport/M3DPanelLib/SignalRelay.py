"""Signals whose arguments Python cannot be given."""


def connectWithoutArguments(widget, signal, function):
    """Call a function at a signal of a widget, without the signal's arguments.

    PythonQt cannot copy some of them (``QItemSelection``) and writes so into the log at every signal. An action takes
    the signal instead, in Qt itself, and hands on that it was triggered; it lives as long as the widget.
    """
    import qt

    relay = qt.QAction(widget)
    widget.connect(signal, relay, "trigger()")
    relay.connect("triggered()", function)
