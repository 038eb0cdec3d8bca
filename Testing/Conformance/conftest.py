"""What the conformance tests share."""

import pytest

from M3DTestSupport.OrthancServer import OrthancServer, findOrthanc


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A running, empty Orthanc with its DICOMweb plug-in."""
    program, plugin = findOrthanc()
    if program is None or plugin is None:
        pytest.skip("orthanc or orthanc-dicomweb is not installed")
    with OrthancServer(tmp_path_factory.mktemp("orthanc"), program, plugin) as running:
        yield running
