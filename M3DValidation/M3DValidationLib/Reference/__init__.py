"""Known lengths and objects in scan, mesh and print: ISO/IEC 3532-1 clause 6.5."""
