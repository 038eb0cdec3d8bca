"""The commands that talk to a PACS."""
