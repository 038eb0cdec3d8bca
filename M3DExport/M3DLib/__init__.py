"""What a model is: images, segments, meshes, STL, the DICOM object, and the places where it is stored.

Everything in here works on plain arguments in LPS millimeters and knows neither the running application nor Qt; the one
exception is ``SlicerAdaptors``. Nothing heavy is imported by importing this package.
"""
