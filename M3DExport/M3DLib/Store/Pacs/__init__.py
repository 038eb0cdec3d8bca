"""PACS: finding, fetching and sending objects by DICOMweb and by DIMSE, with the same rules for both."""
