"""A board: records of several people and machines, joined and checked."""
