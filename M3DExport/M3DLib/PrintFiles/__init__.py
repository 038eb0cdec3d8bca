"""The files for printers and other programs that lie beside a model's DICOM object."""
