"""The reference run, its findings, and the pages written from them."""
