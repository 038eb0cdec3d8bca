r"""Run the tests of ``Testing/Slicer`` in the application that runs this script, and write their results as JUnit XML.

    Slicer --testing --no-splash --no-main-window --additional-module-paths M3DExport M3DValidation \
        --python-script Utilities/SlicerTests.py --junit RESULTS.xml [--tests FOLDER]

They are run by pytest, which is to be installed in the application's Python. The exit status is pytest's: 0 where all
passed, 1 where one failed, more where they could not be run.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main():
    """Run them; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--junit", required=True)
    parser.add_argument("--tests", default=str(ROOT / "Testing" / "Slicer"))
    arguments = parser.parse_args()
    try:
        import pytest
    except ImportError:
        print("pytest is missing in the application's Python; install it with: PythonSlicer -m pip install pytest")
        return 4
    if not hasattr(sys.stdout, "fileno"):
        # The application's own streams are none that pytest can ask for anything.
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)
    # The tests import what they have in common from their own folder.
    sys.path.insert(0, arguments.tests)
    options = [
        arguments.tests,
        f"--junitxml={arguments.junit}",
        f"--rootdir={arguments.tests}",
        # The settings in pyproject.toml are those of the tests outside the application.
        "--config-file=/dev/null" if sys.platform != "win32" else "--config-file=NUL",
        "--override-ini=python_files=*Test.py",
        "--override-ini=junit_suite_name=Testing/Slicer",
        "--capture=no",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:faulthandler",
    ]
    return int(pytest.main(options))


if __name__ == "__main__":
    sys.exit(main())
