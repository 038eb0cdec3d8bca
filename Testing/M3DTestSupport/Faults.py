"""One fault each, with the requirement that must fail and the value it must show.

Each entry: fault, requirement, value, relative tolerance of the value, and requirements that may warn besides.
"""

import numpy as np
import pydicom
from pydicom.uid import generate_uid

from M3DLib.Mesh.TriangleMesh import TriangleMesh
from M3DLib.Phantom.PhantomSeries import SkipSlice

from .PhantomScan import Content, Fault

MIDDLE = 30


def attribute(only=None, **values):
    """Header change that sets attributes in all slices or in some."""

    def change(header, k):
        if only is None or k in only:
            for keyword, value in values.items():
                setattr(header, keyword, value)

    return change


def moved(axis, distance, chosen):
    """Header change that moves the position of the chosen slices along a patient axis."""

    def change(header, k):
        if chosen(k):
            header.ImagePositionPatient[axis] = round(float(header.ImagePositionPatient[axis]) + distance(k), 6)

    return change


def leftOut(*indices):
    """Header change that leaves slices out."""

    def change(header, k):
        if k in indices:
            raise SkipSlice

    return change


def copied(files):
    """Two slices are there twice, as instances of their own."""
    for number in (10, 40):
        dataset = pydicom.dcmread(files[number])
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.save_as(files[number].with_name(f"copy-{number}.dcm"))


def thickThenResampled(array):
    """Six slices averaged to one of 3 mm, then interpolated back to 0.5 mm."""
    thick = array.reshape(-1, 6, *array.shape[1:]).mean(axis=1)
    at = np.clip((np.arange(len(array)) - 2.5) / 6, 0, len(thick) - 1)
    low = np.minimum(at.astype(int), len(thick) - 2)
    share = (at - low)[:, None, None]
    return np.rint(thick[low] * (1 - share) + thick[low + 1] * share).astype(np.int16)


def circle(radius, value):
    """Everything outside a circle about the middle of the slice set to one value."""

    def change(array):
        j, i = np.indices(array.shape[1:]) - (np.array(array.shape[1:]) - 1)[:, None, None] / 2
        array[:, np.hypot(i, j) > radius] = value
        return array

    return change


def paddedFrom(column, value):
    """All columns from one on set to a value."""

    def change(array):
        array[:, :, column:] = value
        return array

    return change


def metal(array):
    """A ball of radius 2.5 mm above the range of the scanner, 6 mm beside the bone."""
    k, j, i = (np.indices(array.shape) - (np.array(array.shape) - 1)[:, None, None, None] / 2) * 0.5
    array[np.sqrt(k**2 + (j - 14) ** 2 + i**2) < 2.5] = 3071
    return array


def shifted(pixels, slices):
    """Pixels of some slices shifted along the rows; the header does not know."""

    def change(array):
        array[slices] = np.roll(array[slices], pixels, axis=-1)
        return array

    return change


def repeated(array):
    """Every fifth slice, five times."""
    return array[::5].repeat(5, axis=0)


def cube(offset):
    """A closed cube of 10 mm whose center lies at an offset along x from the image's center, mm."""
    corners = np.array([[offset + x, y, z] for x in (-5, 5) for y in (-5, 5) for z in (-5, 5)])
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return TriangleMesh(corners, [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def cutArea(content, axis, plane):
    """Area in which the bone's surface is cut by a plane across an axis, mm2."""
    others = [radius for n, radius in enumerate(content.boneRadii) if n != axis]
    inside = 1 - ((plane - content.boneCenter[axis]) / content.boneRadii[axis]) ** 2
    return np.pi * others[0] * others[1] * inside


def cutAt(axis, sign):
    """Bone that reaches beyond one face of the image, and the area that is cut."""
    half = (Content().dimensions[axis] - 1) / 2 * 0.5
    center = [0.0, 0.0, 0.0]
    center[axis] = sign * (half - 5)
    # The tissue keeps clear of the sides, so that only the bone is cut.
    body = tuple(0.0 if n == 2 else part / 4 for n, part in enumerate(center))
    content = Content(boneCenter=tuple(center), bodyCenter=body, bodyRadii=(17.0, 17.0, 60.0))
    return Fault(content), cutArea(content, axis, sign * half)


FACES = {
    "left": (0, 1),
    "right": (0, -1),
    "posterior": (1, 1),
    "anterior": (1, -1),
    "superior": (2, 1),
    "inferior": (2, -1),
}

thin = Content(spacing=(0.5, 0.5, 1.4), dimensions=(96, 96, 22), boneRadii=(8.0, 8.0, 10.0))
coarse = Content(spacing=(0.75, 0.75, 0.5), dimensions=(64, 64, 60))
long = Content((160, 160, 24), (0.18, 0.18, 1.0), boneRadii=(5.0, 5.0, 8.0), bodyRadii=(12.0, 12.0, 60.0))
padded = Content(boneCenter=(8.0, 0.0, 0.0))
TILT = float(np.tan(np.radians(15)))

FAULTS = {
    "thick slices": (Fault(description={"sliceThickness": 3.0}), "slice-thickness", 3.0, 0),
    "slices far apart": (
        Fault(thin, description={"sliceThickness": 1.25}),
        "slice-distance",
        1.4,
        1e-6,
        {"slice-contiguity", "slice-thickness"},
    ),
    "gaps between slices": (Fault(description={"sliceThickness": 0.25}), "slice-contiguity", 0.25, 1e-6),
    "one slice missing": (Fault(header=leftOut(MIDDLE)), "missing-slices", 1, 0),
    "three slices missing in two places": (Fault(header=leftOut(12, 13, 45)), "missing-slices", 3, 0),
    "two slices twice": (Fault(files=copied), "duplicate-slices", 2, 0),
    "irregular distance": (
        Fault(header=moved(2, lambda k: 0.15, lambda k: k > MIDDLE)),
        "slice-uniformity",
        0.15,
        1e-4,
    ),
    "slice placed sideways": (
        Fault(header=moved(0, lambda k: 1.0, lambda k: k == MIDDLE)),
        "slice-uniformity",
        1.0,
        0.05,
    ),
    "gantry tilted": (Fault(header=moved(1, lambda k: k * 0.5 * TILT, lambda k: True)), "gantry-tilt", 15, 1e-3),
    "tilt drawn straight": (Fault(attributes={"GantryDetectorTilt": "15"}), "gantry-tilt", 15, 0),
    "mixed thickness": (Fault(header=attribute({20, 21}, SliceThickness="0.7")), "thickness-consistency", 0.1, 1e-6),
    "one slice turned": (
        Fault(header=attribute({MIDDLE}, ImageOrientationPatient=[0.9961947, 0.0871557, 0, -0.0871557, 0.9961947, 0])),
        "orientation-consistency",
        5.0,
        1e-3,
    ),
    "header says another distance": (Fault(attributes={"SpacingBetweenSlices": "0.6"}), "header-geometry", 20, 1e-6),
    "slice location of another scan": (
        Fault(header=lambda header, k: setattr(header, "SliceLocation", f"{k * 0.7:g}")),
        "header-geometry",
        40,
        1e-6,
    ),
    "interpolated from thick slices": (
        Fault(change=thickThenResampled),
        "through-plane-resolution",
        3.0,
        0.25,
        # Slices within a thick one are copies, noise included.
        {"image-consistency"},
    ),
    "slices repeated": (Fault(change=repeated), "through-plane-resolution", 2.5, 0.2, {"image-consistency"}),
    "coarse pixels": (Fault(coarse), "in-plane-pixel", 0.75, 1e-6),
    "long voxels": (
        Fault(long, description={"sliceThickness": 1.0}),
        "voxel-anisotropy",
        1 / 0.18,
        1e-3,
    ),
    "circular field cuts the anatomy": (
        Fault(Content(boneCenter=(9.0, 9.0, 0.0)), change=circle(34, -1024)),
        "anatomy-inside-field-of-view",
        None,
        0,
        {"body-inside-field-of-view"},
    ),
    "circular field of impossible values": (
        Fault(Content(boneCenter=(9.0, 9.0, 0.0)), change=circle(34, -3024)),
        "anatomy-inside-field-of-view",
        None,
        0,
        {"body-inside-field-of-view"},
    ),
    "padding cuts the anatomy": (
        Fault(padded, change=paddedFrom(72, -990), attributes={"PixelPaddingValue": 34}),
        "anatomy-inside-field-of-view",
        cutArea(padded, 0, (71 - 47.5) * 0.5),
        0.03,
        {"body-inside-field-of-view"},
    ),
    "one identifier for all slices": (Fault(attributes={"SOPInstanceUID": "1.2.3.4"}), "image-consistency", None, 0),
    "metal beside the anatomy": (Fault(change=metal), "saturation", 2.5**3 / (8 * 8 * 9) * 100, 0.08),
    "noise": (Fault(Content(noise=150)), "noise", 150, 0.1, {"contrast-to-noise"}),
    "little contrast": (Fault(Content(boneHu=140, noise=25)), "contrast-to-noise", 4, 0.35),
    "one slice shifted": (Fault(change=shifted(3, slice(MIDDLE, MIDDLE + 1))), "slice-alignment", 1.5, 0.1),
    "patient moved": (Fault(change=shifted(2, slice(MIDDLE, None))), "slice-alignment", 1.0, 0.1),
    "compressed with loss": (
        Fault(attributes={"LossyImageCompression": "01", "LossyImageCompressionRatio": "12"}),
        "lossy-compression",
        12,
        0,
    ),
    "two patients": (Fault(header=attribute({5, 6}, PatientID="other")), "single-patient", 2, 0),
    "two studies": (Fault(header=attribute({5, 6}, StudyInstanceUID="1.2.3")), "single-study", 2, 0),
    "two frames of reference": (
        Fault(header=attribute({5, 6}, FrameOfReferenceUID="1.2.3")),
        "single-frame-of-reference",
        2,
        0,
    ),
    "old scan": (Fault(attributes={"AcquisitionDate": "20220601"}), "scan-age", 731, 0),
    "scan of the future": (Fault(attributes={"AcquisitionDate": "20240611"}), "scan-age", -10, 0),
    "another field of view": (
        Fault(description={"reconstructionDiameter": 60.0}),
        "field-of-view",
        (60 - 48 - 0.5) / 60 * 100,
        1e-6,
    ),
    "image larger than what was measured": (
        Fault(description={"dataCollectionDiameter": 40.0}),
        "field-of-view",
        20,
        1e-6,
    ),
    "blurred within the slices": (Fault(Content(fwhm=(2.4, 2.4, 0.7))), "in-plane-resolution", 2.4, 0.12),
    "mesh of another place": (Fault(mesh=cube(22.0)), "mesh-inside-image", 3.0, 1e-4),
}
for face, place in FACES.items():
    fault, area = cutAt(*place)
    FAULTS[f"cut {face}"] = (fault, "anatomy-inside-field-of-view", area, 0.06, {"body-inside-field-of-view"})

WARNINGS = {
    "MR": (Fault(modality="MR"), "modality-scope"),
    "derived": (Fault(attributes={"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}), "original-image"),
    "body cut at the side": (Fault(Content(bodyCenter=(8.0, 0.0, 0.0))), "body-inside-field-of-view"),
    "anatomy near the edge": (Fault(Content(boneCenter=(0.0, 0.0, 5.4))), "anatomy-inside-field-of-view"),
    "values that are no Hounsfield units": (Fault(attributes={"RescaleType": "US"}), "image-values"),
    "tilt corrected by resampling": (
        Fault(attributes={"GantryDetectorTilt": "15", "ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}),
        "gantry-tilt",
    ),
}
