"""``python -m study.converged.page``: docs/results.md with its pictures and appendix, and the README's finding.

The text stands in study/converged/pages/, under the path that it has in docs; every number is from committed records.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench import config as configuration
from bench.dataset_name import dataset_name
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.record import Record
from bench.report.figures.style import encoded
from bench.system import reading, writing
from bench.text import counted, named
from study import reference, results_page
from study.converged import answer, forest
from study.converged.committed import Study, committed
from study.converged.convergence import anchor, trained
from study.converged.differences import crossvalidated, power, regimes
from study.converged.differences.relative import (
    BASELINE,
    PRECISION,
    details_table,
    on_sets_table,
    over_sets_table,
    read,
    regime_of,
    sentence,
    set_of,
    undefined_note,
)
from study.converged.multiverse import page as multiverse
from study.converged.multiverse import picture as multiverse_picture
from study.converged.parts import FOLDED, FOLDER, MAIN, SIMULATED
from study.converged.simulated import page as simulated
from study.converged.simulated import picture as simulated_picture
from study.converged.simulated.recovered import ORDERS, Order
from study.results.findings import table

README = reference.ROOT / "README.md"
FINDING = "<!-- finding -->", "<!-- /finding -->"
TEMPLATES = Path(__file__).parent / "pages"
FOREST, CHOICES, STRENGTHS = (
    results_page.DOCS / name for name in ("answer.svg", "results/choices.svg", "results/simulated.svg")
)


def main() -> None:
    study = committed()
    for path, text in {**pages(study), README: with_finding(study)}.items():
        writing.write(path, text.encode())
    for path, picture in pictures(study).items():
        writing.write(path, picture)


def pictures(study: Study) -> dict[Path, bytes]:
    """{path: SVG} of the pages' pictures."""
    return {
        FOREST: forest.forest(study.comparison),
        CHOICES: multiverse_picture.picture(study.multiverse),
        STRENGTHS: encoded(simulated_picture.gains_by_strength(study.gains), "svg"),
    }


def with_finding(study: Study) -> str:
    """The README with the study's answer."""
    return results_page.between(FINDING, reading.text(README), finding(study))


def finding(study: Study) -> str:
    """The answer in a few sentences."""
    told = [
        answer.against_bce(study.comparison, study.untuned),
        answer.forest(study.kinds, [], []),
        answer.fusion(study.comparison),
        study.weights,
    ]
    return " ".join(filter(None, told))


def pages(study: Study) -> dict[Path, str]:
    """{path: text} of docs/results.md and its appendix."""
    values = parts(study)
    templates = sorted(TEMPLATES.rglob("*.md"))
    return {results_page.DOCS / one.relative_to(TEMPLATES): filled(reading.text(one), values) for one in templates}


def filled(template: str, values: Mapping[str, str]) -> str:
    """A page's text, without the blank lines that ends of tables and empty parts leave."""
    return re.sub(r"\n{3,}", "\n\n", template.format(**values))


def parts(study: Study) -> dict[str, str]:
    """Parts of the pages by their names in the text."""
    reaches = power.study_reaches(study.observed, study.comparison)
    late = anchor.late_epochs(study.of_methods)
    chosen, by_hamming = crossvalidated.chosen(study.parts), anchor.anchors(study.records, PAPER_METRICS[0])
    notes = study.observed.not_selected_note(), undefined_note(study.comparison)
    changed = list(dict.fromkeys(one.method for one in study.regimes if one.regime != regimes.WHOLE))
    fusion = study.comparison.of(PRECISION, answer.FUSION)
    return {
        "answer": "\n".join(f"- {line}" for line in filter(None, [
            answer.against_bce(study.comparison, study.untuned),
            study.forest,
            " ".join(filter(None, [
                answer.fusion(study.comparison),
                study.weights,
                answer.controls(study.pairs),
                answer.ended(study.by_last_epoch),
            ])),
            regimes.regime_sentence(study.regimes, answer.FUSION),
            " ".join(filter(None, [
                trained.penalty(study.by_decay),
                trained.default(study.by_default),
                answer.selecting(study.records),
            ])),
        ])),
        "logistic": answer.logistic(study.comparison, study.by_last_epoch),
        "seeds": seeds_in_short(study.of_methods),
        "records": records_in_short([*study.records, *study.parts]),
        "crossvalidated": crossvalidated.sentence(chosen),
        "crossvalidated_table": crossvalidated.chosen_table(chosen),
        "inventory": inventory(study.records),
        "choices": multiverse.sentences(study.multiverse),
        "simulated": f"{simulated.answer(study.gains)}{simulated.to_unestimated(study.gains_over_unestimated)}",
        "simulated_further": simulated.further(study.gains),
        "power": power.power_sentence(reaches[PRECISION]),
        "anchor": anchor.anchor_sentence(study.anchors),
        "anchor_of_hamming": anchor.anchor_sentence(by_hamming),
        "anchor_of_last": anchor.epoch_sentence(study.anchors, study.last_anchors),
        "anchor_of_last_table": anchor.anchor_table(study.last_anchors),
        "by_default": over_sets_table(study.by_default),
        "by_last_epoch": over_sets_table(study.by_last_epoch),
        "late": anchor.late_sentence(late),
        "edges": anchor.edges(study.records),
        "anchor_of_decay": anchor.anchor_sentence(anchor.anchors(study.records, loss=trained.DECAY)),
        "longer": trained.longer(study.beyond),
        "beyond": over_sets_table(study.beyond),
        "by_decay": over_sets_table(study.by_decay),
        "most": str(most_settings(study.of_methods)),
        "steps": str(configuration.load(FOLDER).protocols["converged"].minimum_steps),
        "settings": "\n".join(f"- {name}: {text}" for name, text in trained.settings().items()),
        "anchor_table": anchor.anchor_table(study.anchors),
        "anchor_by_hamming": anchor.anchor_table(by_hamming),
        "late_table": anchor.late_table(late),
        "late_reference": anchor.late_sentence(anchor.late_epochs(read(reference.FOLDER))),
        "over_sets": over_sets_table(study.comparison),
        "untuned": named(sorted(study.untuned), len(study.untuned)),
        "partly_without": study.partly_without(),
        "partly": over_sets_table(study.partly, exploratory=True),
        "over_sets_by_hamming": over_sets_table(study.by_hamming),
        "by_kind": "\n".join(
            f"On {name}:\n\n{over_sets_table(one, exploratory=True)}" for name, one in study.kinds.items()
        ),
        "details": details_table(study.comparison, PRECISION),
        "fusion_sentence": "" if fusion is None else sentence(fusion),
        "recovered": answer.recovered([study.comparison, study.partly]),
        "fusion_on_sets": on_sets_table(study.everywhere, answer.FUSION),
        "wide_on_sets": on_sets_table(study.partly, answer.ALL_WEIGHTS),
        "forest_on_sets": on_sets_table(study.everywhere, answer.FOREST),
        "pairs": over_sets_table(study.pairs),
        "undefined": " ".join(filter(None, notes)),
        "reach": power.stated_table(reaches),
        "reach_by_seeds": power.by_seeds_table(reaches[PRECISION]),
        "regime_table": regimes.regime_table(study.regimes, changed),
        "varied": multiverse.varied(study.multiverse),
        "movements": multiverse.movement_table(study.multiverse),
        "standings": multiverse.standing_table(study.multiverse),
        "simulated_design": simulated.design(),
        "simulated_tables": "\n".join(simulated.gain_table(study.gains, metric) for metric in simulated.METRICS),
        "orders": simulated.order_table(reading.json(SIMULATED / ORDERS, list[Order])),
    }  # fmt: skip


def records_in_short(records: Sequence[Record]) -> str:
    """Numbers of jobs, methods, data sets and hours."""
    methods = {record.job.variant for record in records}
    variants = methods.intersection(trained.VARIANTS)
    seconds = sum(record.cost.seconds for record in records)
    whole = {set_of(record) for record in records if not regime_of(record.job.full_dataset)}
    machines = sorted({str(record.environment["processor"]) for record in records})
    return (
        f"{len(records)} jobs of {len(methods - variants)} methods and {counted(len(variants), 'further variant')} of "
        f"{BASELINE} on {len(whole)} data sets, {seconds / 3600:.1f} hours of "
        f"computing on {named(machines)}, beside other work, one thread each"
    )


def runs_of(records: Iterable[Record]) -> Counter[tuple[str, str]]:
    """{(data set as it is, method): seeds or folds}."""
    whole = (record for record in records if not regime_of(record.job.full_dataset))
    return Counter((set_of(record), record.job.variant) for record in whole)


def seeds_in_short(records: Iterable[Record]) -> str:
    """Sentence on the seeds that methods have on the main sets that are not folded."""
    most: dict[str, int] = {}
    for (name, method), seeds in runs_of(records).items():
        if dataset_name(name).base in MAIN.difference(FOLDED):
            most[method] = max(seeds, most.get(method, 0))
    several = sorted((method for method in most if most[method] > 1), key=lambda method: (-most[method], method))
    told = named([f"{method} (up to {most[method]} seeds)" for method in several], len(several))
    others = f"all methods but {told} have one seed" if told else "all methods have one seed"
    return f"{named(FOLDED)} have five folds; on the other sets {others}."


def most_settings(records: Sequence[Record]) -> int:
    """The largest number of grid points of a job."""
    return max(len(record.result.grid) for record in records if record.result)


def inventory(records: Sequence[Record]) -> str:
    """Seeds or folds of each method on each data set, sets as they are."""
    counts = runs_of(records)
    sets = sorted({name for name, _ in counts})
    methods = sorted({method for _, method in counts}, key=lambda one: (-sum(counts[name, one] for name in sets), one))
    lines = [[name, *(counts[name, method] or "–" for method in methods)] for name in sets]
    return f"{counted(len(methods), 'method')}, {counted(len(sets), 'data set')}.\n\n" + table(
        ["seeds or folds", *methods], lines
    )


if __name__ == "__main__":
    main()
