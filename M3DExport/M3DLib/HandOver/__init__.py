"""Packages that leave the house: put together, sealed, signed, encrypted; verified and unpacked."""
