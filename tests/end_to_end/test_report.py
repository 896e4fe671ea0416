"""Tables, statistics, figures and the page as a user meets them: real records, and every kind of gap among them."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from bench.records.record import Failure, Record, encode
from bench.records.store import Store
from bench.report.page import SETS_DRAWN
from bench.tables.render import FORMATS
from tests import forked
from tests.bench.report.test_page import LARGEST
from tests.end_to_end.test_program import ROOT, SMALL, bench, small_set

SCRIPT = "<script>window.broken = true</script> out of memory"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of five methods; a failed, a stale, a corrupt and an undefined cell, and a set without data."""
    folder = tmp_path_factory.mktemp("report")
    methods = ("FL", "CB", "BS", "DB", "ML-KNN", "FLEM-D", "BCE")
    small_set(folder)
    done = bench("run", *SMALL, "--methods", *methods, "--epochs", "2", "--seeds", "0", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    store = Store(folder / "results/runs")
    by_job = {(one.job.variant, one.job.seed): one for _, one in store.records() if isinstance(one, Record)}
    assert len(by_job) == 14
    change = msgspec.structs.replace
    store.write_manifest(change(store.manifest(), missing={"VOC07": "put its files there"}))
    failed = by_job["BS", 1]
    failure = Failure("MemoryError", SCRIPT)
    store.path(by_job["BS", 0].job).unlink()
    store.write(change(failed, status="failed", result=None, failure=failure))
    for seed in (0, 1):
        old = by_job["CB", seed]
        store.write(change(old, key={**old.key, "method": "another"}, probe_json=UNSET))
        none = by_job["DB", seed]
        assert none.result is not None
        undefined = {"average_precision": None}
        grid = [change(point, test={**(point.test or {}), **undefined}) for point in none.result.grid]
        result = change(none.result, test={**none.result.test, **undefined}, grid=grid)
        path = store.path(none.job)
        path.write_bytes(encode(change(none, result=result)))
        torn = store.path(by_job["ML-KNN", seed].job)
        torn.write_bytes(torn.read_bytes()[:500])
    return folder


def without_torch(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a verb and fail where it brings torch or the methods' code along."""
    program = (
        "import sys\nfrom bench.cli.main import main\n"
        f"code = main({list(arguments)!r})\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
        "sys.exit(code)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return forked.python("-c", program, cwd=folder, environment=environment, torch=False)


@pytest.mark.parametrize("form", FORMATS)
def test_tables_show_every_kind_of_cell_in_every_format(ran: Path, form: str) -> None:
    done = without_torch(ran, "table", "--format", form)
    assert done.returncode == 1, done.stderr  # a corrupt record
    text = done.stdout.replace("\\textbackslash{}", "\\")
    for word in ("failed", "stale", "corrupt", "undefined", "VOC07", "±" if form != "latex" else r"\pm"):
        if word == "±" and form in ("csv", "json"):
            word = "std"
        if word == "VOC07" and form == "csv":
            word = "VOC07,"
        assert word in text, word
    assert "<script>" not in text or form in ("terminal", "markdown", "csv", "json", "latex")


def test_an_average_rank_needs_every_column_and_a_failed_row_has_none(ran: Path) -> None:
    done = without_torch(ran, "table", "--metric", "hamming", "--format", "json")
    (table,) = json.loads(done.stdout)
    assert set(table["average_rank"]) == {"FL", "DB", "FLEM-D"}
    cells = {(cell["variant"], cell["dataset"]): cell for cell in table["cells"]}
    assert cells["BS", "small"]["state"] == "failed"
    assert cells["BS", "small"]["mean"] is None
    assert cells["CB", "small"]["rank"] is None
    assert cells["FL", "VOC07"]["state"] == "missing"


def test_stats_compare_and_export_say_what_is_missing(ran: Path) -> None:
    done = without_torch(ran, "stats", "--metric", "hamming", "--methods", "FL", "FLEM-D", "BS")
    assert done.returncode == 0, done.stderr
    assert "Nothing can be tested" in done.stdout
    assert "FLEM-D is " in done.stdout
    done = without_torch(ran, "compare", "--map", "small=VOC07")
    assert done.returncode == 0, done.stderr
    assert "small is not VOC07: other rows, other features" in done.stdout
    assert "small: BS failed." in done.stdout
    typo = without_torch(ran, "compare", "--map", "smal=VOC07")
    assert (typo.returncode, "did you mean 'small'?" in typo.stderr) == (2, True)
    assert "small: CB stale." in done.stdout
    assert " ± " in done.stdout
    assert "Not counted together, because they stand in: small@npz." in done.stdout
    assert "1 of 3 variants, 2 of 9 baselines here: not tested" in " ".join(done.stdout.split())
    assert "\x1b" not in done.stdout  # no colours in a pipe
    done = without_torch(ran, "export", "all.sqlite")
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(ran / "all.sqlite") as database:
        states = dict(database.execute("select state, count(*) from jobs group by state"))
    assert states == {"done": 8, "failed": 1, "stale": 2, "corrupt": 2}


def test_plot_draws_what_there_is_and_names_the_rest(ran: Path) -> None:
    done = without_torch(ran, "plot", "--output", "figures", "--format", "pdf")
    assert done.returncode == 0, done.stderr
    written = {path.stem for path in (ran / "figures").iterdir()}
    assert {"ranks", "curves-small@npz", "grid-hamming-small@npz", "reliability-small@npz"} <= written
    assert "not drawn: critical-difference-hamming" in done.stderr
    assert "not drawn: difference: no data set of the paper" in done.stderr
    refused = without_torch(ran, "plot", "critical-difference", "--output", "none")
    assert refused.returncode == 2
    assert "needs 3 methods and 2 data sets" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (ran / "none").exists()
    metric = without_torch(ran, "plot", "grid", "--metric", "micro-f1", "--output", "none")
    assert metric.returncode == 2
    assert "not micro_f1" in metric.stderr
    wrong = without_torch(ran, "plot", "curve")
    assert wrong.returncode == 2
    assert "did you mean 'curves'?" in wrong.stderr


def test_the_same_records_give_the_same_page(ran: Path) -> None:
    for name in ("one.html", "two.html"):
        done = without_torch(ran, "report", "--output", name)
        assert done.returncode == 0, done.stderr
    assert (ran / "one.html").read_bytes() == (ran / "two.html").read_bytes()


WRONG = {
    ("stats", "--region", "-1", "--metric", "hamming"): "--region must be a number from 0",
    ("stats", "--control", "FLEM"): "did you mean 'FLEM-D'?",
    ("report", "--control", "FLEM"): "did you mean 'FLEM-D'?",
    ("report", "--output", "figures"): "figures is a folder, a pipe or a device, not a file.",
    ("compare", "--map", "small=VOC07", "small=VOC12"): "--map names small twice",
    ("plot", "--from", "paper", "--methods", "FL"): "--from paper excludes --methods",
    ("report", "--output", "/proc/x/y.html"): "/proc/x/y.html cannot be written",
    ("report", "--output", "y" * 300): "a file's name has at most 255 bytes",
    ("plot", "--output", "/proc/x"): "/proc/x/answer.svg cannot be written",
    ("export", "all.csv"): "csv takes a folder",
    ("export", "/proc/x.sqlite"): "/proc/x.sqlite cannot be written",
}


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_use_is_one_sentence(ran: Path, arguments: tuple[str, ...]) -> None:
    (ran / "figures").mkdir(exist_ok=True)
    done = without_torch(ran, *arguments)
    assert done.returncode == 2
    assert WRONG[arguments] in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def html(ran: Path) -> Path:
    done = without_torch(ran, "report", "--output", "page.html", "--map", "small=VOC07", "--control", "FL")
    assert done.returncode == 0, done.stderr
    return ran / "page.html"


@pytest.fixture
def opened(browser: Any, html: Path) -> Iterator[Any]:
    """The page at 1280 px; fails on any console message, error or request to another place."""
    said: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
    page.goto(html.as_uri())
    yield page
    page.close()
    assert said == []


def column(page: Any, index: int, body: int = 0) -> list[str]:
    return page.eval_on_selector_all(
        "table.sortable", f"tables => [...tables[0].tBodies[{body}].rows].map(row => row.cells[{index}].innerText)"
    )


def test_headings_sort_best_first_and_round_again(opened: Any) -> None:
    original = column(opened, 0)
    heading = opened.locator("table.sortable").first.locator("thead button", has_text="small")
    heading.click()
    values = [text for text in column(opened, 1) if text[0].isdigit()]
    assert values == sorted(values)
    assert column(opened, 1)[len(values) :] != []  # failed and stale cells come last
    assert opened.locator("table.sortable").first.locator("th[aria-sort=ascending]").inner_text().startswith("small")
    heading.press("Enter")
    assert [text for text in column(opened, 1) if text[0].isdigit()] == values[::-1]
    assert not column(opened, 1)[-1][0].isdigit()
    assert column(opened, 0, body=1) == ["BCE"]  # rows under the rule stay there
    opened.locator("table.sortable").first.locator("thead button", has_text="Algorithm").click()
    assert column(opened, 0) == sorted(original, key=str.lower)
    higher = opened.locator("table.sortable").nth(3)
    higher.locator("thead button", has_text="small").click()
    texts = higher.locator("tbody").first.locator("tr td:nth-child(2)").all_inner_texts()
    numbers = [float(text.split("±")[0]) for text in texts if text[0].isdigit()]
    assert numbers == sorted(numbers, reverse=True)


def test_a_cell_opens_its_seeds_and_records_by_pointer_and_by_keyboard(opened: Any, ran: Path) -> None:
    panel = opened.locator("#panel")
    assert panel.is_hidden()
    table = opened.locator("table.sortable").first
    cell = table.locator("tbody tr", has_text="FLEM-D").locator("td").nth(1)
    cell.click()
    text = panel.inner_text()
    assert "FLEM-D on small@npz" in text
    assert "seed 0" in text
    assert "results/runs/small@npz/FLEM-D/seed-1.json" in text
    assert f"bench run --datasets {ran / 'small.npz'} --methods FLEM-D --seeds 0 1 --epochs 2 --fresh" in text
    assert panel.locator("svg polyline").count() == 2
    opened.keyboard.press("Escape")
    assert panel.is_hidden()
    assert opened.evaluate("document.activeElement.innerText") == cell.inner_text()
    table.locator("tbody tr", has_text="BS").locator("td").nth(1).click()
    assert SCRIPT in panel.inner_text()
    panel.locator("button").click()
    opened.keyboard.press("ArrowLeft")  # to VOC07, which has no record
    opened.keyboard.press("Enter")
    assert "Its data are not here" in panel.inner_text()
    opened.keyboard.press("Escape")
    assert table.locator("[tabindex='0']").count() == 1  # one tab stop a table


def test_what_went_wrong_is_told_and_never_run(opened: Any) -> None:
    gaps = opened.locator("#gaps").inner_text()
    assert "VOC07: its data are not here" in gaps
    assert SCRIPT in gaps
    assert "CB is stale: method changed since. On small@npz (seeds 0, 1)." in gaps
    assert "ML-KNN is corrupt: the record " in gaps
    assert "DB on small, Average precision (macro)" in gaps
    assert opened.evaluate("window.broken") is None


def test_the_page_holds_every_part(opened: Any) -> None:
    assert "commit" in opened.locator("#what").inner_text()
    assert opened.locator("#paper table").count() == 2  # small beside VOC07, and the claims
    assert "Nothing can be tested" in opened.locator("#statistics").inner_text()
    assert "peak MiB" in opened.locator("#cost").inner_text()
    pictures = opened.locator("figure svg").all()
    assert len(pictures) >= 5
    assert all(picture.get_attribute("aria-label") for picture in pictures)
    opened.locator("#sets summary").first.click()
    assert opened.locator("#sets figure svg").first.bounding_box()["height"] > 100


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark"), (320, "light")])
def test_no_page_is_wider_than_its_screen(browser: Any, html: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(html.as_uri())
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    page.close()


def test_names_roles_and_headings_for_a_screen_reader(opened: Any) -> None:
    levels = opened.eval_on_selector_all("h1, h2, h3", "all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))
    unnamed = opened.eval_on_selector_all(
        "[role=region], nav, section",
        "all => all.filter(one => !one.getAttribute('aria-label')"
        " && !document.getElementById(one.getAttribute('aria-labelledby'))).length",
    )
    assert unnamed == 0
    assert opened.evaluate("document.documentElement.lang") == "en"
    without_scope = "all => all.filter(one => !one.scope).length"
    assert opened.eval_on_selector_all("th", without_scope) == 0


@pytest.mark.usefixtures("reference_probes")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("compare", "--map", "VOC07tv=VOC07"), "FLEM-D is better than the 7 other baselines"),
        (("stats", "--metric", "hamming"), "Nemenyi: mean ranks must differ by"),
        (("table", "--metric", "hamming"), "Variants of bench.toml: FLEM-D legacy is FLEM-D with interaction legacy"),
    ],
)
def test_the_committed_records_are_compared_from_anywhere(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = bench(*arguments, "--from", "reference", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sentence in done.stdout
    assert "Reference records, made at commit " in done.stdout


@pytest.mark.usefixtures("reference_probes")
def test_the_committed_records_are_drawn_reported_and_exported(tmp_path: Path) -> None:
    assert bench("plot", "ranks", "--from", "reference", cwd=tmp_path).stdout == "results/figures/ranks.svg\n"
    assert bench("report", "--from", "reference", cwd=tmp_path).stdout == "results/report.html\n"
    page = (tmp_path / "results/report.html").read_text()
    assert "Reference records, made at commit " in page
    assert len(page.encode()) < LARGEST
    sets = page.split('<section id="sets"')[1].split("<details>")[1:]
    assert ["draws this one" in one for one in sets] == [False] * SETS_DRAWN + [True] * (len(sets) - SETS_DRAWN)
    done = bench("export", "all.sqlite", "--results", str(ROOT / "results/reference"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(tmp_path / "all.sqlite") as database:
        assert database.execute("select count(*) from jobs where variant = 'FLEM-D'").fetchone()[0] == 36
        assert database.execute("select count(*) from curves").fetchone() == (0,)


def test_stale_records_and_lost_scores_are_named(ran: Path, tmp_path: Path) -> None:
    shutil.copytree(ran / "results", tmp_path / "results")
    done = bench("stats", "--metric", "hamming", "--methods", "FL", "CB", "BCE", "--control", "FL", cwd=tmp_path)
    assert "Without 2 stale records (method changed since): their rows may lack values." in done.stdout
    for path in (tmp_path / "results/runs").glob("*/BCE/seed-*.scores.npz"):
        path.unlink()
    done = bench("stats", "--metric", "hamming", "--methods", "FL", "BCE", "--control", "FL", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Scores of BCE were kept for 0 of 2 seeds" in done.stdout
    small_set(tmp_path)
    again = ("run", *SMALL, "--methods", "BCE", "--seeds", "0", "1", "--epochs", "2")
    assert "2 jobs: 2 done." in bench(*again, cwd=tmp_path).stdout
    asked = bench(*again, "--keep", "scores", cwd=tmp_path)
    assert "2 lack what --keep asks for; they run again" in asked.stdout
    assert len(list((tmp_path / "results/runs").glob("*/BCE/seed-*.scores.npz"))) == 2
    other = bench("run", *SMALL, "--methods", "BCE", "--epochs", "3", "--dry-run", cwd=tmp_path)
    assert other.returncode == 0
    assert "stale (protocol)\tsmall@npz BCE seed 0" in other.stdout
