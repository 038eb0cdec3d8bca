"""Is the segmentation plausible? ISO/IEC 3532-1 clause 6.3."""
