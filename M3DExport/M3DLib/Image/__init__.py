"""Scans: voxels, geometry and headers of DICOM series and research formats."""
