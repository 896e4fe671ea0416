"""The site: every link resolves, every cell has its key and says when it is stale, and nothing of others is touched."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from statistics import fmean, stdev
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from bench.cli.figures import report
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS, RESULT_METRICS
from bench.plan.keys import external_key
from bench.records.record import Failure, JobName, Manifest, Provenance, Record
from bench.records.store import Store
from bench.report.site.contents import DatasetContent, IndexContent, MethodContent
from bench.report.site.folder import MANIFEST, write_site
from bench.report.site.names import UNSAFE, file_names
from tests import records

METHODS = ("FL", "fl", "µ-net &lt;b", "[ours] a & b")
SETS = ("yeast[observed=1]", "Yeast", "yeast", "Ünïcode ß", "&lt;script")
SEEDS = (0, 1)
SCRIPT = "<script>window.broken = true</script> out of memory"
STALE, FAILED, CORRUPT, PARTLY = (
    JobName("yeast", "npz", "FL", 0),
    JobName("Yeast", "npz", "fl", 0),
    JobName("&lt;script", "npz", "FL", 0),
    JobName("Ünïcode ß", "npz", "µ-net &lt;b", 1),
)
"""Stale in both seeds, failed in both, corrupt in one, stale in one; FL on ``yeast[observed=1]`` did not run."""


def record_of(job: JobName) -> Record:
    """A model trained elsewhere, whose record is current wherever the code is the same."""
    place = METHODS.index(job.variant) + 0.1 * SETS.index(job.dataset) + 0.01 * job.seed
    test: Any = {metric.key: 0.1 + 0.01 * place for metric in RESULT_METRICS}
    origin = Provenance("external", "scores.npz", "0" * 64, 0.5)
    data = f"{len(job.dataset):016x}"
    made = records.record(job, records.result(test), key=external_key(origin, job.seed, data))
    return msgspec.structs.replace(made, base="", protocol="", provenance=origin)


def with_faults(record: Record) -> Record | None:
    change, job = msgspec.structs.replace, record.job
    if (job.dataset, job.variant) == (STALE.dataset, STALE.variant) or job == PARTLY:
        return change(record, key={**record.key, "metrics": "of before"})
    if (job.dataset, job.variant) == (FAILED.dataset, FAILED.variant):
        return change(record, status="failed", result=None, failure=Failure("MemoryError", SCRIPT))
    return None if (job.dataset, job.variant) == (SETS[0], "FL") else record


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("site") / "runs of mine")
    jobs = [JobName(name, "npz", method, seed) for name in SETS for method in METHODS for seed in SEEDS]
    for record in filter(None, map(with_faults, map(record_of, jobs))):
        store.write(record)
    torn = store.path(CORRUPT)
    torn.write_bytes(torn.read_bytes()[:200])
    names = [f"{name}@npz" for name in SETS]
    missing = {"VOC07": "put its files there"}
    store.write_manifest(Manifest(datasets=names, variants=list(METHODS), seeds=list(SEEDS), missing=missing))
    return store


@pytest.fixture(scope="module")
def folder(store: Store) -> Path:
    """The site, as the program writes it, without torch."""
    program = (
        "import sys\nfrom bench.cli.main import main\n"
        f"code = main(['report', '--results', {str(store.folder)!r}, '--site', 'site', '--data', '.'])\n"
        "assert 'torch' not in sys.modules\nsys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=store.folder.parent, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "site/index.html"), done.stderr
    return store.folder.parent / "site"


def rewritten(store: Store, folder: Path, **options: Any) -> None:
    report(site=str(folder), results=str(store.folder), data=str(store.folder.parent), **options)


class Read(HTMLParser):
    """Links and ids of a page, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attributes)
        self.links += [link for name in ("href", "src") if (link := given.get(name)) and not link.startswith("data:")]
        self.ids += [given["id"] or ""] if "id" in given else []

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def read(folder: Path) -> dict[str, Read]:
    """{path from the site's folder: page}."""
    return {path.relative_to(folder).as_posix(): Read(path) for path in folder.rglob("*.html")}


def test_every_link_leads_somewhere_and_every_page_is_linked(folder: Path, read: dict[str, Read]) -> None:
    reached = {"index.html"}
    for path, page in read.items():
        for link in page.links:
            assert "://" not in link, path
            assert not link.startswith("/"), path
            target, _, part = unquote(link).partition("#")
            there = (folder / path).parent / target if target else folder / path
            assert there.is_file(), (path, link)
            name = there.resolve().relative_to(folder.resolve()).as_posix()
            assert not part or part in read[name].ids, (path, link)
            reached.add(name)
        assert len(page.ids) == len(set(page.ids)), path
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there - {MANIFEST} == reached
    assert len(read) == 1 + len(METHODS) + len(SETS) + 1  # and the set whose data are not here


def decoded(folder: Path) -> tuple[IndexContent, list[DatasetContent], list[MethodContent]]:
    def all_of(kind: Any, names: str) -> list[Any]:
        return [msgspec.json.decode(path.read_bytes(), type=kind) for path in sorted(folder.glob(names))]

    return (
        all_of(IndexContent, "index.json")[0],
        all_of(DatasetContent, "datasets/*.json"),
        all_of(MethodContent, "methods/*.json"),
    )


def test_the_json_is_of_its_schema_and_agrees_with_the_records(store: Store, folder: Path) -> None:
    index, datasets, methods = decoded(folder)
    by_job = {record.job: record for _, record in store.records() if isinstance(record, Record)}
    assert [one.key for one in index.metrics] == [metric.key for metric in PAPER_METRICS]
    assert {(cell.method, cell.dataset) for cell in index.cells} == {
        (method, name) for method in METHODS for name in [*(f"{name}@npz" for name in SETS), "VOC07"]
    }
    for cell in index.cells:
        for one in cell.records:
            job = JobName(cell.dataset.removesuffix("@npz"), "npz", cell.method, one.seed)
            assert (store.folder.parent / one.record) == store.path(job)
            if job == CORRUPT:
                assert (one.state, one.key) == ("corrupt", None)
                continue
            whole = json.dumps(by_job[job].key, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            assert one.key == hashlib.sha256(whole.encode()).hexdigest()[:16]
        for metric, value in cell.by_metric.items():
            current = [one.values[metric] for one in cell.records if one.state == "done"]
            assert value.seeds == len(current)
            assert (value.mean is None) == (not current) == (value.state != "value")
            if value.mean is not None:
                assert math.isclose(value.mean, fmean(current))
                assert value.std is None if len(current) < 2 else math.isclose(value.std or 0, stdev(current))
    ranked = {cell.method: cell.by_metric["hamming"].rank for cell in index.cells if cell.dataset == "Yeast@npz"}
    assert ranked == {"FL": 1, "fl": None, "µ-net &lt;b": 2, "[ours] a & b": 3}
    for part in (*datasets, *methods):
        key = "dataset" if isinstance(part, DatasetContent) else "method"
        assert part.cells == [cell for cell in index.cells if getattr(cell, key) == part.name]
    assert {one.name: one.page for one in index.methods}.keys() == set(METHODS)
    facts = next(one.facts for one in datasets if one.name == "yeast@npz")
    assert (facts.n_samples, facts.n_features, facts.n_labels) == (records.SAMPLES, 4, 2)


def test_what_is_stale_failed_corrupt_or_missing_says_so(folder: Path, read: dict[str, Read]) -> None:
    index = decoded(folder)[0]
    cells = {(cell.method, cell.dataset): cell for cell in index.cells}
    stale = cells[STALE.variant, STALE.full_dataset]
    assert [(one.state, one.changed, one.values) for one in stale.records] == [("stale", ["metrics"], {})] * 2
    assert stale.by_metric["hamming"].state == "stale"
    assert cells["FL", "yeast[observed=1]@npz"].by_metric["hamming"].state == "missing"
    partly = cells[PARTLY.variant, PARTLY.full_dataset]
    assert [(one.state, bool(one.key)) for one in partly.records] == [("done", True), ("stale", True)]
    pages = {link.name: link.page for link in (*index.datasets, *index.methods)}
    for name in (STALE.full_dataset, STALE.variant):
        assert read[pages[name]].text.count("stale: metrics changed since") >= len(SEEDS)
    assert "failed: <script>window.broken" in read[pages[FAILED.full_dataset]].text
    assert "corrupt: the record runs of mine/" in read[pages[CORRUPT.full_dataset]].text
    assert "missing: not run" in read[pages["yeast[observed=1]@npz"]].text
    assert "Nothing can be compared" in read[pages["VOC07"]].text
    assert "Its data are not here: put its files there." in read[pages["VOC07"]].text
    assert "Transformed: observed=1: " in read[pages["yeast[observed=1]@npz"]].text
    assert "1 stale" in read[pages[PARTLY.full_dataset]].text
    assert "Without a value to trust: 3 stale, 2 failed, 1 corrupt" in read["index.html"].text
    for cell in index.cells:  # the key stands on both pages of the cell
        for one in cell.records:
            assert one.key is None or one.key in read[pages[cell.dataset]].text
            assert one.key is None or one.key in read[pages[cell.method]].text


def test_names_are_escaped_and_no_place_on_the_machine_is_told(
    store: Store, folder: Path, read: dict[str, Read]
) -> None:
    for path, page in read.items():
        assert "b" not in page.tags, path
        assert page.tags.count("script") == 1, path  # look.js
    for path in folder.rglob("*"):
        if path.is_file():
            assert str(store.folder.parent).encode() not in path.read_bytes(), path


def test_file_names_are_safe_and_stay() -> None:
    plain = ["yeast@mulan", "flem-d", "set_2.b"]
    odd = [
        "yeast[observed=1]", "yeast-observed-1", "µ-net", "u-net", "a/b", "a|b", "a b", "FLEM-D", "flem-d", "CON",
        "nul.x", "index", "..", ".git", "x" * 300, "x" * 301, "ß", "SS", "", " ", "a.", "é", "e\u0301", "*?\n",
    ]  # fmt: skip
    names = file_names([*plain, *odd])
    assert list(names) == list(dict.fromkeys([*plain, *odd]))
    assert len({stem.casefold() for stem in names.values()}) == len(names)
    for stem in names.values():
        assert not UNSAFE.search(stem)
        assert stem[0] not in "._-"
        assert stem[-1] not in "._-"
        assert len(stem) < 120
    assert [file_names(plain)[name] for name in plain] == plain
    assert file_names(["a|b"])["a|b"] == names["a|b"]  # whatever else there is


def test_the_same_records_give_the_same_site_and_pages_that_are_no_more_go(store: Store, folder: Path) -> None:
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = content()
    (folder / ".git").mkdir()
    (folder / "datasets/own.txt").write_text("mine")
    rewritten(store, folder)
    kept = folder / "datasets/own.txt"
    assert content() == {**before, kept: b"mine"}
    rewritten(store, folder, datasets=["yeast"])
    there = {path.relative_to(folder).as_posix() for path in content()}
    assert {PurePosixPath(name).parts[0] for name in there} == {"datasets", "methods", *SINGLE}
    assert sum(name.startswith("datasets/") for name in there) == 2 + 1
    assert Read(folder / "index.html").text.count("Ünïcode") == 0
    assert (folder / ".git").is_dir()
    rewritten(store, folder)
    assert content() == {**before, kept: b"mine"}
    kept.unlink()
    (folder / ".git").rmdir()


SINGLE = ("index.html", "index.json", "look.css", "look.js", MANIFEST)


def test_folders_of_others_are_refused_in_a_sentence(store: Store, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match=r"holds thesis\.tex, and no site of ours; name an empty folder"):
        rewritten(store, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    site = tmp_path / "site"
    write_site(site, {"index.html": b"one", "methods/a.html": b"two"})
    (site / "methods/b.html").write_text("mine")
    with pytest.raises(UsageError, match=r"methods/b\.html is no file of the site, and a page would take its place"):
        write_site(site, {"index.html": b"three", "methods/b.html": b"four"})
    assert (site / "index.html").read_bytes() == b"one"
    for outside in ("../thesis.tex", "/etc/passwd", "methods/../../x", ".git/config"):
        (site / MANIFEST).write_text(json.dumps({"generator": "flem-bench", "files": [outside]}))
        with pytest.raises(UsageError, match="which is no file of a site"):
            write_site(site, {})
    (site / MANIFEST).write_text("{")
    with pytest.raises(UsageError, match=MANIFEST):
        write_site(site, {})
    assert (tmp_path / "thesis.tex").read_text() == "mine"
    with pytest.raises(UsageError, match="cannot be written"):
        rewritten(store, tmp_path / "thesis.tex")


def test_a_site_of_stale_records_alone_says_so(tmp_path: Path) -> None:
    store, made = Store(tmp_path / "runs"), record_of(JobName("Yeast", "npz", "fl", 0))
    store.write(msgspec.structs.replace(made, key={**made.key, "metrics": "of before"}))
    report(site=str(tmp_path / "site"), results=str(store.folder), data=str(tmp_path))
    (cell,) = msgspec.json.decode((tmp_path / "site/index.json").read_bytes(), type=IndexContent).cells
    assert [one.state for one in cell.records] == ["stale"]
    with pytest.raises(UsageError, match="no value of a ranked row, but 1 stale record"):
        report(output=str(tmp_path / "page.html"), results=str(store.folder), data=str(tmp_path))


def test_a_site_that_was_cut_short_is_written_over(tmp_path: Path) -> None:
    write_site(tmp_path, {"index.html": b"one"})
    manifest = json.loads((tmp_path / MANIFEST).read_bytes())
    manifest["files"].append("methods/a.html")  # noted, not yet written
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    assert write_site(tmp_path, {"index.html": b"two"}) == 1
    assert (tmp_path / "index.html").read_bytes() == b"two"


def test_pages_fit_their_screens_sort_and_lead_to_records_by_keys(tab: Any, folder: Path) -> None:
    tab.emulate_media(color_scheme="dark")
    index = decoded(folder)[0]
    pages = {link.name: link.page for link in (*index.datasets, *index.methods)}
    for path in ("index.html", pages[STALE.full_dataset], pages["fl"]):
        tab.goto((folder / path).as_uri())
        for width in (390, 768, 1280, 1920):
            tab.set_viewport_size({"width": width, "height": 900})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    tab.goto((folder / "index.html").as_uri())
    table = tab.locator("table.sortable").first
    assert table.locator("tbody td a:not([tabindex='-1'])").count() == 1  # one tab stop
    table.locator("tbody td a").first.focus()
    tab.keyboard.press("ArrowDown")
    row = tab.evaluate("document.activeElement.closest('tr').cells[0].innerText")
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    assert tab.evaluate("document.querySelector(':target').cells[0].innerText") == row
    tab.goto((folder / pages[PARTLY.full_dataset]).as_uri())
    heading = tab.locator("table.sortable thead button", has_text=PAPER_METRICS[1].title)
    column = "rows => rows.map(row => parseFloat(row.cells[2].innerText))"
    for order in (1, -1):
        heading.click()
        values = tab.eval_on_selector_all("table.sortable tbody tr", column)
        assert values == sorted(values)[::order]
        assert len(set(values)) == len(METHODS)
    assert tab.evaluate("window.broken") is None
