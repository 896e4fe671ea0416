"""The paper's tables come out as printed: 384 ranks, 48 averages."""

from __future__ import annotations

from bench import config
from bench.metrics.catalogue import PAPER_METRICS
from bench.tables.comparison import paper_table
from bench.tables.paper import AVERAGE, comparison_table, dataset_facts
from bench.tables.ranking import average_rank, competition_ranks


def test_all_ranks_and_averages_of_the_paper() -> None:
    configuration = config.load()
    differences, ranks, averages = [], 0, 0
    for metric in PAPER_METRICS:
        assert metric.paper_table is not None
        table = paper_table(metric, configuration)
        for cell in comparison_table(metric.paper_table):
            if cell.dataset == AVERAGE:
                averages += 1
                ours, theirs = table.averages[cell.method], cell.rank
            else:
                ranks += 1
                ours, theirs = table.text(cell.method, cell.dataset), f"{cell.value}({cell.rank})"
            if ours != theirs:
                differences.append((metric.key, cell.method, cell.dataset, ours, theirs))
    assert differences == []
    assert (ranks, averages) == (384, 48)


def test_competition_ranks() -> None:
    assert competition_ranks({"a": "0.1", "b": "0.2", "c": "0.2", "d": "0.3"}, True) == {"a": 1, "b": 2, "c": 2, "d": 4}
    assert competition_ranks({"a": "0.1", "b": "0.2", "c": "0.2", "d": "0.3"}, False) == {
        "a": 4,
        "b": 2,
        "c": 2,
        "d": 1,
    }
    assert competition_ranks({}, True) == {}


def test_averages_round_half_up() -> None:
    assert average_rank([[8]] * 6 + [[9]] * 2) == "8.3"  # 8.25
    assert average_rank([[2]] * 6 + [[3]] * 2) == "2.3"
    assert average_rank([[1]]) == "1.0"
    assert average_rank([[1, 1, 2], [4]]) == "2.7"  # 4 / 3 and 4, not 8 / 4


def test_table_1_facts() -> None:
    assert dataset_facts("VOC07") == {
        "N_train": "2501",
        "N_val": "2510",
        "N_test": "4952",
        "D_features": "2048",
        "L_labels": "20",
        "F_domain": "image",
    }
    assert dataset_facts("yeast") == {}
