"""Image files of research formats: voxels through SimpleITK, and what their headers say of place, unit and size."""
