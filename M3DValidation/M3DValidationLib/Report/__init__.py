"""The report: one content, several faces (ISO/IEC 3532-1, Annex A)."""
