"""Models as files for printers and other programs: STL, 3MF, AMF, OBJ, PLY and GLB."""
