"""Tables from records and from the paper, in every output format."""
