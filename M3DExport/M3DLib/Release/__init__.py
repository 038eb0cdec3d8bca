"""The models of a case that were released, as DICOM instances that say they are verified."""
