"""MRML nodes, subject hierarchy and database of Slicer as plain arguments and back."""
