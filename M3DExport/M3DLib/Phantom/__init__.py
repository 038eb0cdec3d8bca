"""Scans of known truth, for the demo, the samples and the tests."""
