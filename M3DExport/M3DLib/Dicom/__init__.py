"""What every DICOM object needs: files, codes, colors, attribute tables, headers taken over."""
