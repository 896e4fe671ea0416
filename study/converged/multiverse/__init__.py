"""The multiverse of protocols: in how many of them each method is first, and how much each choice moves a ranking."""
