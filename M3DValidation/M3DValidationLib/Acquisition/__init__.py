"""Is the scan good enough? Checks by ISO/IEC 3532-1 clauses 6.1 and 6.2."""
