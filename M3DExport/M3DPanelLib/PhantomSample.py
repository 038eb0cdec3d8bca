"""A scan to try things with, made on this computer: a head phantom with inserts of known size."""

import tempfile

import slicer
from slicer.i18n import tr as _

SAMPLE_NAME = "M3D head phantom CT"

# Fixed, so that asking twice for the sample does not fill the database with copies.
_UID_SEED = "SlicerM3D head phantom sample"


def registerSampleData():
    """Offer a scan to try things with; it is made on this computer when it is asked for."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="M3D",
        sampleName=SAMPLE_NAME,
        # Nothing is downloaded, but a source of sample data must name an address.
        uris="https://github.com/SlicerM3D/SlicerM3D",
        fileNames="M3DHeadPhantom",
        nodeNames=SAMPLE_NAME,
        customDownloader=onSampleAskedFor,
    )


def onSampleAskedFor(source):
    """Called by the Sample Data module with its entry; a failure is shown, for nobody else would see it."""
    with slicer.util.tryWithErrorDisplay(_("The phantom could not be made."), waitCursor=True):
        return loadPhantomSample()


def loadPhantomSample():
    """Put the head phantom's CT series into the DICOM database, load it, and segment its inserts.

    :return: [volume node, segmentation node]
    :raises M3DError: no DICOM database is open.
    """
    from M3DLib.Phantom.HeadPhantom import HALF_HEIGHT_HU, headInserts, renderHead
    from M3DLib.Phantom.PhantomSeries import SeriesDescription
    from M3DLib.SlicerAdaptors import ProgressDialog

    with ProgressDialog(_("Making the head phantom")) as progress:
        image = renderHead(lambda done, text: progress(0.7 * done, text))
        description = SeriesDescription(seriesDescription="Head phantom", uidSeed=_UID_SEED)
        volume = _importAndLoad(image, description, lambda done, text: progress(0.7 + 0.2 * done, text))
        progress(0.9, _("Segmenting the inserts"))
        segmentation = _segment(image, volume, headInserts(), HALF_HEIGHT_HU)
    return [volume, segmentation]


def addSmallPhantom():
    """A 20 mm ball in a small CT, in the database and in the scene, for tests: (volume node, segmentation node)."""
    import numpy as np

    from M3DLib.Phantom.HeadPhantom import Insert
    from M3DLib.Phantom.PhantomImage import renderPhantom
    from M3DLib.Phantom.PhantomSeries import SeriesDescription
    from M3DLib.Phantom.PhantomShapes import Sphere

    ball = Sphere((5.0, -10.0, 40.0), 10.0)
    ijkToLps = np.diag([1.0, 1.0, 1.0, 1.0])
    ijkToLps[:3, 3] = (-12.0, -27.0, 23.0)
    image = renderPhantom([(ball, 1000.0)], 0.0, (34, 34, 34), ijkToLps, (0.8, 0.8, 0.8), name="ball phantom")
    volume = _importAndLoad(image, SeriesDescription(seriesDescription="Ball phantom"), lambda done, text: None)
    insert = Insert("ball 20 mm", ball, ball.volumeMm3, ball.center, (0.85, 0.8, 0.65))
    return volume, _segment(image, volume, [insert], 500.0)


def _importAndLoad(image, description, progress):
    """Write the image as a DICOM series, import it into the application's database and load it."""
    from DICOMLib import DICOMUtils

    from M3DLib.Errors import M3DError
    from M3DLib.InSlicer.SlicerImage import requireOpen
    from M3DLib.Phantom.PhantomSeries import writeSeries
    from M3DLib.SlicerAdaptors import applicationDatabase, newIndexer

    database = applicationDatabase()
    requireOpen(database)
    with tempfile.TemporaryDirectory(prefix="M3D-") as folder:
        files = writeSeries(image, folder, description, progress=progress)
        indexer = newIndexer()
        indexer.addListOfFiles(database, [str(file) for file in files], True)
        indexer.waitForImportFinished()
        series = database.seriesForFile(database.fileForInstance(_instanceUid(files[0])))
    if not series:
        raise M3DError("The DICOM database did not take the phantom; its disk may be full or not writable.")
    loaded = [slicer.mrmlScene.GetNodeByID(nodeId) for nodeId in DICOMUtils.loadSeriesByUID([series])]
    volumes = [node for node in loaded if node is not None and node.IsA("vtkMRMLScalarVolumeNode")]
    if not volumes:
        raise M3DError("The phantom is in the DICOM database but could not be loaded as a volume.")
    return volumes[0]


def _instanceUid(file):
    import pydicom

    return str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)


def _segment(image, volumeNode, inserts, threshold):
    """A segmentation of the voxels above a threshold around each insert's inside."""
    from dataclasses import replace

    from M3DLib.InSlicer.SlicerSegments import vtkSegmentOf
    from M3DLib.Segmentation.SegmentFit import bodyAt, thresholdSegment

    name = _("{name} segmentation").format(name=image.name)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    whole = thresholdSegment(image, threshold)
    for insert in inserts:
        body = replace(bodyAt(whole, insert.pointInside, insert.name), color=insert.color)
        node.GetSegmentation().AddSegment(vtkSegmentOf(body))
    return node
