"""The DICOM Encapsulated STL object (PS3.3 A.85.1): what it says, written and read."""
