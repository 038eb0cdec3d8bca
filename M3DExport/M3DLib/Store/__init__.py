"""Where objects are kept: DICOM file-sets and PACS."""
