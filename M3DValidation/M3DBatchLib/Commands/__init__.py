"""The commands of m3d, one file each."""
