"""What a command puts on the record of a case, and what is made of the record: differences, released models."""
