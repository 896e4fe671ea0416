"""Records of jobs on disk, and what is kept beside them."""
