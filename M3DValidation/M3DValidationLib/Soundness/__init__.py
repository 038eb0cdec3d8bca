"""Is the mesh closed, clean and printable? ISO/IEC 3532-1 clauses 6.4 and 6.6."""
