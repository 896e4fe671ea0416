"""What `list` and `data card` print."""

from __future__ import annotations

import textwrap

from bench import config as configuration
from bench import paper, provenance
from bench.datasets import Missing, available, data_folders, present
from bench.datasets.base import SPLITS
from bench.metric_catalogue import METRICS


def show_methods(check: bool) -> int:
    """Names, families, options and origins, read without importing; with ``check`` everything is imported."""
    import methods

    config = configuration.load()
    broken = 0
    for name, listing in methods.listings().items():
        problem = listing.problems[0] if listing.problems else ""
        if check and not problem:
            try:
                methods.method_class(name)
            except methods.BrokenMethodError as error:
                problem = str(error)
        origin = "" if listing.origin == "built-in" else f" [{listing.origin}]"
        state = f"  cannot be used: {problem}" if problem else "  ok" if check else ""
        broken += bool(problem)
        print(f"{name:<9} {listing.family:<18} {listing.paper}{origin}{state}")
        points = 1
        for values in listing.grid.values():
            points *= len(values)
        options = ", ".join(f"{option}={value}" for option, value in listing.defaults.items())
        grid = f"; grid of {points} over {', '.join(listing.grid)}" if listing.grid else ""
        if options:
            print(textwrap.indent(textwrap.fill(f"{options}{grid}", 108), " " * 10))
    for name, row in config.rows.items():
        print(f"{name:<9} row of bench.toml  {row.base} with {row.options or 'its own options'}")
    return 1 if check and broken else 0


def show_metrics() -> int:
    for metric in METRICS:
        where = f"Table {metric.paper_table}" if metric.paper_table else "not in the paper"
        print(f"{metric.option:<28} {metric.arrow} {metric.title:<32} {where}")
    return 0


def show_datasets(data: str | None) -> int:
    config = configuration.load()
    folders = data_folders(config, data)
    for found in available(config, folders):
        if isinstance(found, Missing):
            size = _printed_size(found.name)
            print(f"{found.name:<28} missing   {f'{size}; ' if size else ''}{found.get}")
        else:
            print(f"{found.full_name:<28} protocol {found.protocol:<6} {found.files[0].parent}")
    return 0


def _printed_size(name: str) -> str:
    """Table 1's numbers of a data set; empty for one that is not in the paper."""
    facts = paper.dataset_facts(name)
    if not facts:
        return ""
    rows = f"{facts['N_train']}/{facts['N_val']}/{facts['N_test']}"
    return f"{rows} x {facts['D_features']}, {facts['L_labels']} labels"


def show_card(name: str, data: str | None) -> int:
    config = configuration.load()
    source = present(name, config, data_folders(config, data))
    dataset = source.load()
    labels = len(dataset.label_names)
    print(f"{dataset.full_name}: {dataset.provenance}")
    print(f"protocol     {source.protocol}")
    print(f"split rule   {dataset.split_rule}; the same for every seed of a job")
    for split in SPLITS:
        arrays = dataset.splits[split]
        cardinality = arrays.y.sum(1).mean()
        print(
            f"{split:<12} {arrays.x.shape[0]} rows x {arrays.x.shape[1]} features, {labels} labels, "
            f"{cardinality:.3f} labels a row (density {cardinality / labels:.4f}), "
            f"{int((arrays.y.sum(1) == 0).sum())} rows without labels"
        )
    if _printed_size(dataset.name):
        print(f"in the paper {_printed_size(dataset.name)} (Table 1)")
    counts = dataset.splits["train"].y.sum(0)
    order = counts.argsort(kind="stable")
    print("most often   " + ", ".join(f"{dataset.label_names[j]} {counts[j]}" for j in order[::-1][:8]))
    print("least often  " + ", ".join(f"{dataset.label_names[j]} {counts[j]}" for j in order[:8]))
    for warning in dataset.warnings:
        print(f"warning      {warning}")
    print(f"fingerprint  {provenance.data_fingerprint(source.files, source.module)}")
    return 0
