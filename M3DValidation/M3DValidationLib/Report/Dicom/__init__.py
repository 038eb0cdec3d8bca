"""The report as DICOM objects: measurement report (TID 1500) and Encapsulated PDF."""
