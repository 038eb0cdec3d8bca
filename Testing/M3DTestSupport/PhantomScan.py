"""A small scan of known content as a real series, with one fault at a time: tissue, and in it a piece of bone."""

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache

import numpy as np

from M3DLib.Image.ImageReader import readImage
from M3DLib.Image.ImageVolume import ImageVolume
from M3DLib.Phantom.PhantomImage import renderPhantom
from M3DLib.Phantom.PhantomSeries import SeriesDescription, writeSeries
from M3DLib.Phantom.PhantomShapes import Ellipsoid
from M3DLib.Segmentation.Segment import Segment
from M3DValidationLib.Check import Case
from M3DValidationLib.Profile import loadProfile
from M3DValidationLib.Validation import ACQUISITION_MODULES, checksOf, runChecks

TODAY = date(2024, 6, 1)
SCANNED = datetime(2024, 5, 20, 10, 0, 0)
TISSUE_HU, AIR_HU = 40, -1000


@dataclass(frozen=True)
class Content:
    """What is scanned and how; mm and HU. The image's center is the origin."""

    dimensions: tuple = (96, 96, 60)
    spacing: tuple = (0.5, 0.5, 0.5)
    fwhm: tuple = (0.7, 0.7, 0.7)
    noise: float = 20.0
    boneHu: float = 1000
    boneCenter: tuple = (0.0, 0.0, 0.0)
    boneRadii: tuple = (8.0, 8.0, 9.0)
    bodyCenter: tuple = (0.0, 0.0, 0.0)
    bodyRadii: tuple = (19.0, 19.0, 60.0)

    @property
    def ijkToLps(self):
        """Grid centered at the origin."""
        matrix = np.diag([*self.spacing, 1.0])
        matrix[:3, 3] = -(np.array(self.dimensions) - 1) / 2 * self.spacing
        return matrix

    @property
    def bone(self):
        """The anatomy of interest."""
        return Ellipsoid(self.boneCenter, self.boneRadii)


@cache
def render(content: Content) -> ImageVolume:
    """The image, computed once for each content; do not change its array."""
    body = Ellipsoid(content.bodyCenter, content.bodyRadii)
    paint = [(body, TISSUE_HU), (content.bone, content.boneHu)]
    image = renderPhantom(
        paint, AIR_HU, content.dimensions, content.ijkToLps, content.fwhm, noise=content.noise, superSampling=2
    )
    np.clip(image.array, -1024, 3071, out=image.array)
    return image


@cache
def boneMask(content: Content) -> np.ndarray:
    """Voxels whose center lies in the bone, uint8 (k, j, i)."""
    k, j, i = np.indices(content.dimensions[::-1]).reshape(3, -1)
    points = np.stack([i, j, k], axis=1) * content.spacing + content.ijkToLps[:3, 3]
    inside = content.bone.signedDistance(points) < 0
    return inside.reshape(content.dimensions[::-1]).astype(np.uint8)


@dataclass
class Fault:
    """What is wrong with a scan.

    :ivar change: changes the array (k, j, i) before it is written.
    :ivar header: changes the header of slice k (``PhantomSeries.writeSeries``).
    :ivar files: changes the files afterwards, given the list of them.
    """

    content: Content = field(default_factory=Content)
    change: object = None
    header: object = None
    files: object = None
    attributes: dict = field(default_factory=dict)
    description: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    mesh: object = None
    modality: str = "CT"


def makeCase(folder, fault: Fault, profile: str = "anatomical-model") -> Case:
    """The faulty scan, written and read as a series, with the bone as the segment."""
    rendered = render(fault.content)
    array = rendered.array.copy()
    if fault.change is not None:
        array = fault.change(array)
    volume = ImageVolume(array, fault.content.ijkToLps, modality=fault.modality)
    description = SeriesDescription(
        **{"acquired": SCANNED, "sliceThickness": 0.8, "attributes": fault.attributes, **fault.description}
    )
    files = writeSeries(volume, folder, description, changeHeader=fault.header)
    if fault.files is not None:
        fault.files(files)
    image = readImage(folder)
    mask = boneMask(fault.content).copy()
    segment = Segment(mask, fault.content.ijkToLps, "bone")
    if mask.shape == image.array.shape:
        segment.ijkToLps = image.ijkToLps
    options = {"today": TODAY, "tolerance": 1.1, **fault.options}
    return Case(loadProfile(profile), image, segment, mesh=fault.mesh, options=options)


def judge(folder, fault: Fault, profile: str = "anatomical-model"):
    """Findings of all acquisition checks on the faulty scan."""
    return runChecks(makeCase(folder, fault, profile), checks=checksOf(ACQUISITION_MODULES))
