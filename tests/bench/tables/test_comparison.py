"""Tables tell the truth in every format: gaps, failures, stale cells, ties, seeds."""

from __future__ import annotations

import json
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench import config
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS, metric_named
from bench.plan.filters import Choice, chosen
from bench.plan.states import JobState
from bench.records.record import JobName, Manifest
from bench.tables.comparison import ablation, comparison, paper_ablation, paper_table
from bench.tables.render import FORMATS, Look, latex_escaped, render
from bench.tables.table import Style, Table
from tests.conftest import program, tex_files
from tests.records import record, result

HAMMING = metric_named("hamming")


def entry(row: str, dataset: str, seed: int, value: float | None, state: str = "done", note: str = "") -> JobState:
    name, _, extractor = dataset.partition("@")
    job = JobName(name, extractor or "npz", row, seed)
    made = record(job, result({"hamming": value})) if state != "corrupt" else None
    return JobState(job, state, note, made, Path("x"))  # type: ignore[arg-type]


ENTRIES = [
    entry("FL", "a", 0, 0.1),
    entry("FL", "a", 1, 0.2),
    entry("CB", "a", 0, 0.15),
    entry("CB", "a", 1, 0.15),
    entry("BS", "a", 0, None, "failed", "out of memory"),
    entry("DB", "a", 0, 0.3, "stale", "loop changed since"),
    entry("R-FL", "a", 0, None, "corrupt", "the record x is torn"),
    entry("BCE", "a", 0, 0.05),
    entry("mine_1", "a", 0, 0.5),
    entry("FL", "b", 0, 0.4),
    entry("CB", "b", 0, 0.4),
]


@pytest.fixture
def settings() -> config.Config:
    return config.load(Path("/nonexistent"))


@pytest.fixture
def table(settings: config.Config) -> Table:
    manifest = Manifest(
        protocols={"small": {"minimum_steps": 2000, "scaling": "minmax"}},
        datasets=["a@npz", "b@npz"],
        variants=["FL", "CB", "BS", "DB", "R-FL", "FLEM-D", "BCE"],
        missing={"VOC07": "get it"},
    )
    return comparison(ENTRIES, HAMMING, settings, manifest, ["BCE", "mine_1"])


def test_cells(table: Table) -> None:
    assert table.columns == ["VOC07", "a", "b"]
    assert table.ranked == ["FL", "CB", "R-FL", "DB", "BS", "FLEM-D"]
    assert table.extra == ["BCE", "mine_1"]
    assert table.text("FL", "a") == "0.1500±0.0707(1)"
    assert table.text("CB", "a") == "0.1500±0.0000(1)"
    assert table.text("BS", "a") == "failed"
    assert table.text("DB", "a") == "stale"
    assert table.text("R-FL", "a") == "corrupt"
    assert table.text("FLEM-D", "a") == "–"
    assert table.text("FL", "VOC07") == "–"
    assert table.text("BCE", "a") == "0.0500"
    assert table.is_best("FL", "a")
    assert table.is_best("CB", "a")
    assert not table.is_best("BCE", "a")
    assert table.averages == {"FL": "1.0", "CB": "1.0"}


def test_notes_name_every_gap_and_fault(table: Table) -> None:
    notes = "\n".join(table.notes)
    assert "seeds 0, 1" in notes
    assert "failed: BS on a (seed 0): out of memory." in notes
    assert "stale: DB on a (seed 0): loop changed since." in notes
    assert "corrupt: R-FL on a (seed 0): the record x is torn." in notes
    assert "VOC07 is a gap" in notes
    assert "30 epochs or 2000 steps if more" in notes
    assert "not here: ML-KNN, RAKEL, LEVI, VALEN, FLEM-S, FLEM-T" in notes
    assert "Fewer than 2 seeds" in notes


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_renders_every_value(table: Table, form: str) -> None:
    text = render(table, form)
    for value in ("stale", "failed", "corrupt"):
        assert value in text
    assert "nan" not in text.lower().replace("nano", "")


def test_markdown_and_terminal_cells_read_value_rank(table: Table) -> None:
    markdown = render(table, "markdown")
    assert "| **0.1500±0.0707(1)** |" in markdown.replace("  ", " ").replace("  ", " ")
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert "*unranked*" in markdown
    assert "0.1500±0.0707(1)" in render(table, "terminal")


class Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows = 0

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.open.append(tag)
        self.rows += tag == "tr"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_balanced(table: Table) -> None:
    parser = Cells()
    parser.feed(render(table, "html"))
    assert parser.open == []
    assert parser.rows == 1 + len(table.ranked) + len(table.extra)


def test_json_and_csv_hold_exact_values(table: Table) -> None:
    (body,) = json.loads(render(table, "json"))
    cell = next(one for one in body["cells"] if (one["variant"], one["dataset"]) == ("FL", "a"))
    assert cell["mean"] == pytest.approx(0.15)
    assert (cell["seeds"], cell["rank"], cell["state"]) == (2, 1, "value")
    assert "FL,a,0.15000000000000002,0.0707" in render(table, "csv")


def test_two_extractors_of_one_set_are_two_columns(settings: config.Config) -> None:
    entries = [entry("FL", "v@e1", 0, 0.1), entry("FL", "v@e2", 0, 0.2)]
    made = comparison(entries, HAMMING, settings, Manifest(), ["FL"])
    assert made.columns == ["v@e1", "v@e2"]


def test_features_other_than_the_papers_are_said(settings: config.Config) -> None:
    entries = [entry("FL", "VOC07@lite", 0, 0.1)]
    made = comparison(entries, HAMMING, settings, Manifest(), ["FL"])
    assert "VOC07: features of lite, not the paper's imagenet_resnet50." in made.notes
    made = comparison([entry("FL", "GoEmotions@lite", 0, 0.1)], HAMMING, settings, Manifest(), ["FL"])
    assert "GoEmotions: features lite." in made.notes  # registered, and not of the paper


def test_one_row_one_set_and_undefined_metric(settings: config.Config) -> None:
    made = comparison([entry("mine", "a", 0, 0.25)], HAMMING, settings, Manifest(), ["mine"])
    assert (made.ranked, made.extra, made.text("mine", "a")) == (["mine"], [], "0.2500(1)")
    for form in FORMATS:
        assert "0.25" in render(made, form)
    undefined = comparison([entry("mine", "a", 0, None)], HAMMING, settings, Manifest(), ["mine"])
    assert undefined.text("mine", "a") == "undefined"


def test_latex_escapes() -> None:
    assert latex_escaped("a_b & 5% ± {x}") == r"a\_b \& 5\% $\pm$ \{x\}"


@pytest.mark.parametrize("style", ["onecolumn", "twocolumn"])
def test_latex_compiles_and_stays_within_its_column(
    table: Table, settings: config.Config, tmp_path: Path, style: str
) -> None:
    pdflatex = program("pdflatex", package="texlive-latex-base")
    tex_files("article.cls", package="texlive-latex-base")
    tex_files("booktabs.sty", package="texlive-latex-recommended")
    tables = [table, paper_table(HAMMING, settings)]
    body = "".join(
        render(made, "latex", Look(fit, transpose=transpose))
        for made in tables
        for fit in ("column", "page")
        for transpose in (False, True)
    )
    packages = "\\usepackage{booktabs,graphicx}\n\\begin{document}\n"
    document = f"\\documentclass[{style}]{{article}}\n{packages}{body}\\end{{document}}\n"
    (tmp_path / "t.tex").write_text(document, encoding="utf-8")
    done = subprocess.run(
        [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


# --- what a reader may choose ---------------------------------------------------------------------------------------


def test_rows_columns_and_seeds_are_chosen() -> None:
    manifest = Manifest(
        datasets=["a@npz", "b@npz"], variants=["FL", "CB", "BCE"], seeds=[0, 1], missing={"VOC07": "get it"}
    )
    entries, asked = chosen(ENTRIES, manifest, Choice(["FL", "BCE"], ["a"], [0]))
    assert [(one.job.variant, one.job.dataset, one.job.seed) for one in entries] == [("FL", "a", 0), ("BCE", "a", 0)]
    assert (asked.variants, asked.datasets, asked.seeds, asked.missing) == (["FL", "BCE"], ["a@npz"], [0], {})
    assert chosen(ENTRIES, manifest, Choice()) == (ENTRIES, manifest)
    assert chosen(ENTRIES, manifest, Choice(datasets=["b@npz"]))[0] == ENTRIES[-2:]
    for choice, message in (
        (Choice(variants=["FLL"]), "there is no record of the variant 'FLL'; did you mean 'FL'?"),
        (Choice(datasets=["c"]), "there is no record of the data set 'c'"),
        (Choice(seeds=[7]), "there is no record of seed 7; there are 0, 1."),
    ):
        with pytest.raises(UsageError, match=message.replace("?", r"\?")):
            chosen(ENTRIES, manifest, choice)


def test_digits_and_exact_ranks(settings: config.Config) -> None:
    entries = [entry("FL", "a", 0, 0.12344), entry("CB", "a", 0, 0.12341), entry("BCE", "a", 0, 0.1)]
    entries.append(entry("DB", "a", 0, 0.5))

    def made(**style: Any) -> Table:
        return comparison(entries, HAMMING, settings, Manifest(), ["BCE"], Style(**style))

    assert [made().text(row, "a") for row in ("FL", "CB", "BCE")] == ["0.1234(1)", "0.1234(1)", "0.1000"]
    five = made(digits=5)
    assert [five.text(row, "a") for row in ("FL", "CB")] == ["0.12344(2)", "0.12341(1)"]
    exact = made(digits=2, rank_on="exact")
    assert [exact.text(row, "a") for row in ("FL", "CB")] == ["0.12(2)", "0.12(1)"]
    everyone = made(rank_extra=True)
    assert everyone.extra == []
    assert [everyone.text(row, "a") for row in ("FL", "CB", "BCE")] == ["0.1234(2)", "0.1234(2)", "0.1000(1)"]
    assert "Ranks are among all 4 variants that have values." in everyone.notes
    assert not any("does not rank" in note for note in everyone.notes)  # asked for


@pytest.mark.parametrize(
    ("papers", "others", "why"),
    [
        ([], ["mine", "yours"], "none of its own is"),
        (["CB"], ["mine"], "only CB of its 12 is"),
        (["FL", "CB"], ["BCE"], "only FL and CB of its 12 are"),
        (["FL", "CB", "DB"], ["a", "b", "c", "d"], "fewer of its own (3) than of others (4) are"),
        (["FL", "CB", "DB"], ["a", "b", "c"], ""),
        (["FL", "CB", "DB"], ["BCE", "FLEM-I", "FLEM-II", "a"], ""),  # the first three are the paper's, too
    ],
)
def test_all_rows_are_ranked_where_the_papers_are_few(
    settings: config.Config, papers: list[str], others: list[str], why: str
) -> None:
    entries = [entry(row, "a", 0, 0.1 + 0.01 * place) for place, row in enumerate([*papers, *others])]
    made = comparison(entries, HAMMING, settings, Manifest(), others)
    notes = [note for note in made.notes if note.startswith("All rows are ranked together")]
    if why:
        assert (made.ranked, made.extra) == ([*papers, *others], [])
        assert notes == [f"All rows are ranked together, with those that the paper does not rank, since {why} here."]
    else:
        assert (made.ranked, made.extra, notes) == (papers, others, [])
    # One that lists few rows to be ranked has them all, and is taken at its word.
    listed = replace(settings, tables=replace(settings.tables, ranked=papers))
    assert comparison(entries, HAMMING, listed, Manifest(), others).ranked == papers


def test_ranked_rows_of_ones_own_are_not_called_the_papers(settings: config.Config) -> None:
    entries = [entry("FL", "a", 0, 0.12), entry("BCE", "a", 0, 0.1)]
    for ranked, said in ((["FL"], "the 1 of the paper's methods"), (["FL", "BCE"], "the 2 ranked variants")):
        chosen_variants = replace(settings, tables=replace(settings.tables, ranked=ranked))
        notes = comparison(entries, HAMMING, chosen_variants, Manifest(), ["BCE"]).notes
        assert any(note.startswith(f"Ranks are among {said} that are here") for note in notes)


def test_of_few_rows_to_rank_ones_own_are_not_counted_as_the_papers(settings: config.Config) -> None:
    ranked = [*settings.tables.ranked, "mine"]
    listed = replace(settings, tables=replace(settings.tables, ranked=ranked))
    entries = [entry("mine", "a", 0, 0.12), entry("BCE", "a", 0, 0.1)]
    notes = comparison(entries, HAMMING, listed, Manifest(), ["BCE"]).notes
    assert any(note.endswith("since none of its own is here.") for note in notes)
    notes = comparison([*entries, entry("FL", "a", 0, 0.1)], HAMMING, listed, Manifest(), ["BCE"]).notes
    assert any(note.endswith(f"since only FL of its {len(ranked) - 1} is here.") for note in notes)


def test_the_papers_ablation_is_as_printed() -> None:
    table = paper_ablation()
    assert table.ranked == ["FLEM-I", "FLEM-II", "Ours"]
    values = {row: [table.text(row, column) for column in table.columns] for row in table.ranked}
    assert values == {
        "FLEM-I": ["0.0242", "0.0210", "0.0492", "0.8441"],
        "FLEM-II": ["0.0241", "0.0198", "0.0472", "0.8444"],
        "Ours": ["0.0237", "0.0189", "0.0464", "0.8478"],
    }
    assert [table.is_best("Ours", column) for column in table.columns] == [True] * 4
    assert "Avg. Rank" not in "".join(render(table, form) for form in FORMATS)
    assert json.loads(render(table, "json"))[0]["cells"][-1]["metric"] == "average_precision"


def test_an_ablation_of_records(settings: config.Config) -> None:
    entries = [entry(row, "a", 0, value) for row, value in (("FLEM-D", 0.3), ("FLEM-I", 0.2), ("FLEM-II", 0.4))]
    style = Style(show_ranks=False)
    tables = [comparison(entries, metric, settings, Manifest(), [], style) for metric in PAPER_METRICS]
    table = ablation(tables)
    assert table.ranked == ["FLEM-I", "FLEM-II", "FLEM-D"]
    assert table.text("FLEM-I", "Hamming loss ↓") == "0.2000"
    assert table.is_best("FLEM-I", "Hamming loss ↓")
    assert table.text("FLEM-I", "Coverage ↓") == "undefined"
    assert not any(note.startswith("Ranks") for note in table.notes)
    two = [comparison([*entries, *ENTRIES], metric, settings, Manifest(), [], style) for metric in PAPER_METRICS]
    with pytest.raises(UsageError, match="Table 6 is of one data set, not a, b"):
        ablation(two)
