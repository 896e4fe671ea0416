"""The one error that is a user's to mend: its message is one sentence, shown without a traceback (exit code 2)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """Wrong usage or input: says what is wrong, where, and what to do."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?``, or the list of what there is."""
    known = list(known)
    by_fold = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_fold, n=1, cutoff=0.5)
    return f"did you mean {by_fold[near[0]]!r}?" if near else f"known: {', '.join(known) or 'none'}."
