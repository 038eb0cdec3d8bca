"""Options that say which scan and which anatomy: shared by ``m3d export`` and ``m3d validate``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from M3DLib.Errors import M3DError, noProgress

if TYPE_CHECKING:
    from M3DLib.Image.ImageVolume import ImageVolume
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters
    from M3DLib.Segmentation.Segment import Segment

    from ..Terminal import Terminal


def addImageOptions(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """--image and --series."""
    group = parser.add_argument_group("scan")
    group.add_argument(
        "--image",
        required=required,
        metavar="DIR|FILE",
        help="folder of a DICOM series (any file names), a multi-frame DICOM file, or a NRRD or NIfTI volume",
    )
    group.add_argument("--series", metavar="UID|NUMBER", help="which series, when the folder holds several")


def addSegmentOptions(parser: argparse.ArgumentParser) -> None:
    """--segmentation, --segment, --threshold and --largest."""
    group = parser.add_argument_group("anatomy", "either a segmentation, or a threshold on the scan")
    group.add_argument(
        "--segmentation",
        metavar="FILE",
        help="Slicer segmentation (.seg.nrrd), labelmap image (NRRD, NIfTI) or DICOM SEG",
    )
    group.add_argument(
        "--segment",
        action="append",
        default=[],
        metavar="NAME",
        help="segment of the segmentation; may be given several times (default: all)",
    )
    group.add_argument(
        "--strict",
        action="store_true",
        help="stop when one of several segments is empty, instead of leaving it out",
    )
    group.add_argument(
        "--threshold",
        type=thresholdRange,
        metavar="LOW[:HIGH]",
        help="voxels with values from LOW (to HIGH), in HU for CT",
    )
    group.add_argument(
        "--largest",
        type=int,
        metavar="N",
        help="of the voxels in the threshold range keep the N largest connected bodies",
    )
    group.add_argument(
        "--part",
        type=partText,
        metavar="TEXT",
        help="the model is meant to be a part of the anatomy only, and why: what it leaves out is then no failure, and "
        "the declaration stands in the report and in the object",
    )


def partText(text: str) -> str:
    """Why a model is meant to be a part only, in one line."""
    plain = " ".join(text.split())
    if not plain:
        raise argparse.ArgumentTypeError("say why the model is meant to be a part only, as in 'left half for a guide'")
    return plain


def addSurfaceOptions(parser: argparse.ArgumentParser) -> None:
    """--surface-method, --smoothing, --decimation, --refine, --refine-range and --max-error."""
    from M3DLib.Mesh.SurfaceParameters import METHODS, SurfaceParameters

    defaults = SurfaceParameters()
    group = parser.add_argument_group("surface", "Slicer's conversion of a labelmap to a closed surface")
    group.add_argument("--surface-method", choices=METHODS, default=defaults.method, help="(default: %(default)s)")
    parser.acceptOldName("--method", "--surface-method")
    group.add_argument(
        "--smoothing",
        type=float,
        default=defaults.smoothing,
        metavar="F",
        help="0 (none) to 1 (strong); more than the default shrinks small parts (default: %(default)s)",
    )
    group.add_argument(
        "--decimation",
        type=float,
        default=defaults.decimation,
        metavar="F",
        help="share of the triangles to remove, 0 to less than 1 (default: %(default)s)",
    )
    addRefinementOptions(group)


def addRefinementOptions(group: argparse._ArgumentGroup) -> None:
    """--refine, --refine-range and --max-error, to the options about the surface."""
    group.add_argument(
        "--refine",
        action="store_true",
        help="move the surface to where the scan shows its edge, finer than the voxels; what was moved, held and left "
        "is recorded",
    )
    group.add_argument(
        "--refine-range",
        type=float,
        metavar="MM",
        help="no point of the surface is moved farther (default: the largest voxel edge)",
    )
    group.add_argument(
        "--max-error",
        type=float,
        metavar="MM",
        help="as few triangles as keep the surface within MM of what it was, measured in both directions",
    )


def refinementFrom(arguments: argparse.Namespace) -> dict:
    """What :func:`addRefinementOptions` asked for, as fields of ``SurfaceParameters``."""
    return {"refine": arguments.refine, "refineRange": arguments.refine_range, "maxError": arguments.max_error}


def surfaceParametersFrom(arguments: argparse.Namespace) -> SurfaceParameters:
    """Parameters as said on the command line.

    :raises M3DError: a value outside its range.
    """
    from M3DLib.Mesh.SurfaceParameters import SurfaceParameters

    return SurfaceParameters(
        arguments.surface_method, arguments.smoothing, arguments.decimation, **refinementFrom(arguments)
    )


def requireOneAnatomy(arguments: argparse.Namespace, required: bool = True) -> None:
    """Refuse contradicting or missing options before any file is read.

    :param required: whether there must be a segmentation or a threshold.
    :raises M3DError: lists everything that contradicts.
    """
    problems = []
    if arguments.segmentation and arguments.threshold:
        problems.append("Give either --segmentation or --threshold, not both.")
    if required and not arguments.segmentation and not arguments.threshold:
        problems.append("Say what to model: --segmentation FILE, or --threshold LOW[:HIGH].")
    if arguments.segment and not arguments.segmentation:
        problems.append("--segment names a segment of a segmentation; give --segmentation FILE too.")
    if arguments.largest is not None and not arguments.threshold:
        problems.append("--largest belongs to --threshold; a segmentation is taken as it is.")
    if problems:
        raise M3DError(problems)


def readScan(arguments: argparse.Namespace, terminal: Terminal) -> ImageVolume:
    """The scan of --image and --series; names the files that are broken and were therefore left out.

    :raises M3DError: as :func:`M3DLib.Image.ImageReader.readImage`.
    """
    from M3DLib.Image.ImageReader import readImage

    image = readImage(arguments.image, arguments.series, terminal.progress)
    broken = [str(item.file) for item in image.skippedFiles if item.broken]
    if broken:
        named = ", ".join(broken[:5]) + (f" and {len(broken) - 5} more" if len(broken) > 5 else "")
        terminal.warn(
            f"Left out, because damaged, truncated or not readable: {named}. Where one of them was the first or last "
            "slice, the scan is not whole; copy it again to be sure."
        )
    return image


def readSegmentsFrom(
    arguments: argparse.Namespace,
    image: ImageVolume,
    progress: Callable[[float, str], None] = noProgress,
) -> tuple[list[Segment], list[str]]:
    """Segments as said on the command line, on or for the image that was read, and what was left out, in sentences.

    :raises M3DError: file, name or threshold give no segment; with ``--strict`` also when one of several is empty.
    """
    from M3DLib.Segmentation.SegmentFit import thresholdSegment
    from M3DLib.Segmentation.SegmentReader import readSegments, selectSegments, withoutEmpty

    if arguments.threshold:
        low, high = arguments.threshold
        return [thresholdSegment(image, low, high, arguments.largest, progress)], []
    progress(0.0, "Reading the segmentation")
    segments, leftOut = withoutEmpty(selectSegments(readSegments(arguments.segmentation), arguments.segment))
    if leftOut and arguments.strict:
        raise M3DError(
            [text.replace(" It was left out.", " Leave it out, or do without --strict.") for text in leftOut]
        )
    return segments, leftOut


def thresholdRange(text: str) -> tuple[float, float | None]:
    low, separator, high = text.partition(":")
    try:
        limits = float(low), float(high) if separator else None
        if any(limit is not None and math.isnan(limit) for limit in limits):
            raise ValueError
        return limits
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a threshold; write LOW or LOW:HIGH, as in 300 or 300:2000"
        ) from None
