"""Many cases: the table, what is done for each row, where it is done, and the summary."""
