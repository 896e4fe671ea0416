"""Parts of the pages of results (docs/results/): numbers from records, and the pages' text."""
