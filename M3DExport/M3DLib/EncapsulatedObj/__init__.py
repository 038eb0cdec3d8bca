"""The DICOM Encapsulated OBJ object and its MTL: written beside an STL object, and their documents read."""
