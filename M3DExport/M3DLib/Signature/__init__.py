"""Signatures, certificates, encryption and time stamps: of files (CMS) and in DICOM objects (PS3.15)."""
