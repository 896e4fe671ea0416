"""What label-enhancement methods share: networks, neighbours among the rows, and the second of their two stages."""
