"""Built-in transforms of data sets, one file each."""
