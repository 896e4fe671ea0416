"""Methods of the study alone: what stands beside a method to tell which of its parts does something."""
