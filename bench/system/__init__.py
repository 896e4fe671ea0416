"""The machine: files, processes, hardware, environment."""
