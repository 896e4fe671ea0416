"""Checks of submitted records: against themselves, this version's code, and the records that are committed. No torch
is imported before scores are measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.board.merge import differing_key, differing_machines, differing_values
from bench.board.sources import ENDING, Entry, source_of
from bench.config import Config
from bench.config import load as configuration
from bench.datasets.catalog import data_folders
from bench.errors import UsageError
from bench.plan.probes import equal
from bench.records.artifacts import SCORES, read_scores
from bench.records.packed import PACKED, unpacked
from bench.records.record import Record, RecoveryResult, Result
from bench.records.store import REFERENCE

SUBMISSIONS = "submissions"
"""The folder of submitted files, beside that of the committed records."""


@dataclass(frozen=True)
class Verdict:
    """Verdict on one record."""

    accepted: bool
    text: str
    """The job and what could not be checked, or why it is refused."""


def verdicts(paths: Sequence[Path], data: str | None, committed: Path = REFERENCE) -> Iterator[Verdict]:
    """A verdict on each record of the files, in their order.

    Parameters
    ----------
    data: the folder searched for data; sets that are not there are taken as the committed records have them.
    committed: the folder of the committed records.

    Raises
    ------
    UsageError: for a file that holds no records.
    """
    for path in paths:
        config = settings_beside(path)
        source = source_of(path, config, data_folders(config, data), own_protocols=False)
        known = _committed(committed, path)
        for entry in source.entries:
            reason = entry.fault or _of_a_failure(entry) or _measured_again(entry) or _against(entry, known)
            if reason:
                yield Verdict(False, reason)
            else:
                yield Verdict(True, f"{entry.job}{_unchecked(entry, known)}")


def settings_beside(path: Path) -> Config:
    """The settings of a bench.toml beside the records, which may name variants; else the working folder's."""
    folder = path if path.is_dir() else path.parent
    return configuration(folder if (folder / "bench.toml").is_file() else None)


def _committed(folder: Path, checked: Path) -> list[Record]:
    """The records of both tracks that are committed or were submitted before, without the file that is checked."""
    files = [folder / PACKED, folder / "recovery" / PACKED, *sorted((folder.parent / SUBMISSIONS).glob(f"*{ENDING}"))]
    files = [path for path in files if path.is_file()]
    files = [
        path for path in dict.fromkeys(files) if path.resolve() not in (checked.resolve(), (checked / PACKED).resolve())
    ]
    return [record for path in files for _, record in unpacked(path)]


def _of_a_failure(entry: Entry) -> str:
    if entry.record.status == "done":
        return ""
    return f"{entry.job}: it is of a job that failed ({entry.record.problem}); a submission is of results."


def _measured_again(entry: Entry) -> str:
    """Contradiction of the kept scores to the record, as a sentence; empty where there is none, or no scores."""
    file, result = entry.state.artifact(SCORES), entry.record.result
    if file is None or result is None:
        return ""
    import torch  # here, because most records come without scores

    from bench.metrics.classification import evaluate

    try:
        kept = read_scores(file)
    except UsageError as error:
        return f"{entry.job}: {error}"
    if list(kept.y.shape) != [result.n_samples.get("test"), result.n_labels]:
        return f"{entry.job}: {file.path.name} has scores {list(kept.y.shape)}, not those of its test rows and labels."
    scores = torch.from_numpy(kept.scores)
    external = bool(entry.record.provenance)
    found = evaluate(torch.from_numpy(kept.y), scores.double() if external else scores, kept.threshold)
    for name, value in found.items():
        if not equal({name: value}, {name: result.test.get(name)}):
            return f"{entry.job}: its kept scores give the {name} {value}, and it says {result.test.get(name)}."
    return ""


def _against(entry: Entry, known: Sequence[Record]) -> str:
    """Contradiction of the committed records to a record, as a sentence; empty: none."""
    record = entry.record
    same = [one for one in known if one.job == entry.job and one.track == record.track]
    same = [one for one in same if one.status == "done" and not differing_key(one, record)]
    differ = [said for one in same if (said := differing_values(one, record))]
    if differ and len(differ) == len(same):
        machines = differing_machines(same[0], record)
        why = f" ({machines})" if machines else ", of the same key and machine"
        return f"{entry.job}: the committed record of it has another value: {differ[0]}{why}."
    others = _of_the_set(record, known)
    digests = {str(one.key.get("data")) for one in others}
    if digests and str(record.key.get("data")) not in digests:
        return (
            f"{entry.job}: its data (digest {record.key.get('data')}) are not those of the committed records of "
            f"{record.job.full_dataset} (digest {', '.join(sorted(digests))})."
        )
    shapes = {_shape(one.result or one.recovered) for one in others if one.key.get("data") == record.key.get("data")}
    if shapes and _shape(record.result or record.recovered) not in shapes:
        return f"{entry.job}: it has other numbers of rows, features or labels than the committed records of its data."
    return ""


def _of_the_set(record: Record, known: Sequence[Record]) -> list[Record]:
    name = record.job.full_dataset
    return [one for one in known if one.job.full_dataset == name and one.status == "done" and one.track == record.track]


def _shape(result: Result | RecoveryResult | None) -> tuple[object, ...]:
    if result is None:
        return ()
    rows = result.n_samples
    return tuple(sorted(rows.items())) if isinstance(rows, dict) else (rows,), result.n_features, result.n_labels


def _unchecked(entry: Entry, known: Sequence[Record]) -> str:
    """Limits of the verdict, in parentheses; empty: none that a board can check."""
    record = entry.record
    said = []
    if any(one.job == entry.job and not differing_key(one, record) for one in known):
        said.append("equal to the committed record")
    elif not _of_the_set(record, known):
        said.append(f"nothing committed is of {record.job.full_dataset}: its data are taken as it says")
    if entry.state.code_changed:
        said.append("of older code, which gives the same probe")
    if record.result is not None and entry.state.artifact(SCORES) is None:
        said.append("no scores to measure again")
    if record.provenance:
        said.append("scores from elsewhere, which no run here can make again")
    return f" ({'; '.join(said)})" if said else ""
