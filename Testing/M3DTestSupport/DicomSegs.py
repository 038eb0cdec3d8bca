"""DICOM Segmentations made by highdicom, an independent writer."""

import highdicom
import pydicom
from pydicom.sr.codedict import codes


def writeDicomSeg(file, images, labels, names, segmentationType="BINARY", **attributes):
    """Write a label array on the grid of DICOM images; the segment with label n is the nth name.

    :param images: files of the slices, in the order of ``labels`` (k, j, i).
    :param attributes: set in the segmentation by keyword.
    """
    sources = [pydicom.dcmread(image) for image in images]
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.AnatomicalStructure,
            segmented_property_type=codes.SCT.Bone,
            algorithm_type="MANUAL",
            # A gray: highdicom takes D65 for white where DICOM means D50, so its colors are a little off.
            display_color=highdicom.color.CIELabColor.from_rgb(128, 128, 128),
        )
        for number, name in enumerate(names, start=1)
    ]
    segmentation = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=labels,
        segmentation_type=segmentationType,
        segment_descriptions=descriptions,
        series_instance_uid="1.2.9.1",
        series_number=7,
        sop_instance_uid="1.2.9.2",
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    )
    for keyword, value in attributes.items():
        setattr(segmentation, keyword, value)
    segmentation.save_as(file)
    return file
