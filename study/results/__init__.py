"""Parts of the pages of results (docs/results.md and docs/results/): numbers from records, and the pages' text."""
