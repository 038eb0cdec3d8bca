"""The first page of a report: what follows for the intended use, where not, and how far off the model is."""
