"""The small picture inside an Encapsulated STL object (Icon Image Sequence)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..Errors import M3DError
from ..TwoThreads import besideEachOther

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..Mesh.TriangleMesh import TriangleMesh

# What a DICOMDIR may show at most (PS3.3 F.7, PS3.11), so that the icon can be used everywhere.
ICON_SIZE = 64


def renderIcon(mesh: TriangleMesh) -> np.ndarray | None:
    """A picture of the mesh for its icon: uint8 (64, 64, 3) sRGB, None where no picture can be made."""
    from ..Mesh.Rendering import renderMesh

    return renderMesh(mesh, (ICON_SIZE, ICON_SIZE), smooth=False, supersampling=4)


def renderIcons(meshes: Sequence[TriangleMesh]) -> list[np.ndarray | None]:
    """The pictures of several meshes; what their objects say of them is reckoned meanwhile, and kept by the meshes."""
    icons, _ = besideEachOther(
        lambda _said: [renderIcon(mesh) for mesh in meshes],
        lambda _said: [(mesh.isClosed, mesh.volumeMm3, mesh.areaMm2) for mesh in meshes],
    )
    return icons


def iconItem(picture: np.ndarray) -> Dataset:
    """The item of Icon Image Sequence.

    Icons have one sample per pixel (PS3.3 F.7), so colors go through a palette of 256 entries. The last one is white
    and may be unused: dciodvfy takes a 16-bit palette without large values for one that was not scaled to 16 bits.

    :param picture: uint8 (rows, columns, 3), at most 64 x 64.
    """
    from PIL import Image
    from pydicom import Dataset

    picture = np.ascontiguousarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise M3DError(f"An icon must be an 8-bit color picture (rows, columns, 3), not {picture.shape}.")
    if max(picture.shape[:2]) > ICON_SIZE or min(picture.shape[:2]) < 1:
        raise M3DError(f"An icon must be at most {ICON_SIZE} x {ICON_SIZE} pixels, not {picture.shape[:2]}.")
    image = Image.fromarray(picture).quantize(255, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette = np.zeros((256, 3), dtype=np.uint16)
    colors = np.array(image.getpalette("RGB"), dtype=np.uint16).reshape(-1, 3)[:255]
    palette[: len(colors)] = colors
    palette[255] = 255
    item = Dataset()
    item.SamplesPerPixel = 1
    item.PhotometricInterpretation = "PALETTE COLOR"
    item.Rows, item.Columns = picture.shape[:2]
    item.BitsAllocated = item.BitsStored = 8
    item.HighBit = 7
    item.PixelRepresentation = 0
    for name, channel in zip(("Red", "Green", "Blue"), range(3), strict=True):
        # 256 entries of 16 bits from pixel value 0 on; v * 257 carries 0 to 255 over to 0 to 65535.
        setattr(item, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        entries = (palette[:, channel] * np.uint16(257)).astype("<u2").tobytes()
        item.add_new(_paletteTag(name), "OW", entries)
    pixels = np.asarray(image, dtype=np.uint8).tobytes()
    item.add_new(0x7FE00010, "OB", pixels + b"\0" * (len(pixels) % 2))
    return item


def iconPicture(item: Dataset) -> np.ndarray:
    """The picture of an icon item that :func:`iconItem` made, uint8 (rows, columns, 3)."""
    index = np.frombuffer(item.PixelData, dtype=np.uint8)[: item.Rows * item.Columns].reshape(item.Rows, item.Columns)
    channels = [np.frombuffer(item[_paletteTag(name)].value, dtype="<u2") for name in ("Red", "Green", "Blue")]
    return (np.stack(channels, axis=-1)[index] >> 8).astype(np.uint8)


def _paletteTag(name: str) -> int:
    return {"Red": 0x00281201, "Green": 0x00281202, "Blue": 0x00281203}[name]
