"""Everything about a GPU in one short visit: right numbers, the cost of a step, seconds of the paper's tables."""
