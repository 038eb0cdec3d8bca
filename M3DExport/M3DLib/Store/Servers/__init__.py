"""Which PACS there are, how one gets in, and what can go wrong on the way there."""
