"""Speed and memory, measured side by side in one run against what a user would run otherwise: ratios, not seconds."""
