"""The built-in decision rules, one file each."""
