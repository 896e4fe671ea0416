"""The page: what it says first, that it fits its screen, and that each number says where it is from."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from matplotlib.figure import Figure

from bench import config
from bench.analysis import hypothesis_tests, over_datasets
from bench.analysis.answer import answer
from bench.analysis.paper_comparison import comparison_frame
from bench.metrics.catalogue import PAPER_METRICS
from bench.plan.states import JobState
from bench.protocol import Protocol
from bench.records.packed import PACKED
from bench.records.record import Curves, GridPoint, JobName, Manifest, Provenance, Record, Selected, as_json
from bench.report.figures import Material
from bench.report.figures.style import inline
from bench.report.page import page
from bench.report.page.details import details
from bench.report.page.tables import SHADES, RankedBy, shown_tables
from bench.tables.comparison import comparison
from bench.tables.table import GAP
from tests import records

CONFIG = config.load()
FORTY = [f"[ours] method {place:02}" for place in range(40)]
FORTY_SETS = [f"a set of number {place:02}" for place in range(40)]
THREE = ["[ours] <b>soft", "[ours] hard", "[ours] plain"]
BASES = ("BCE", "ML-KNN")
"""Of even and of odd methods: two families."""
EPOCHS = 30
LARGEST = 2 * 2**20
"""Bytes of a page."""
SCREENS = [(390, 844), (768, 1024), (1280, 800), (1920, 1080)]


def record_of(job: JobName, base: str, quality: float, draw: np.random.Generator) -> Record:
    """A record whose metrics lie about ``quality``, with curves."""
    losses = (quality + draw.random(EPOCHS) * 0.1 + np.linspace(0.2, 0, EPOCHS)).tolist()
    test: Any = {metric.key: float(quality + draw.normal() * 0.002) for metric in PAPER_METRICS}
    point = GridPoint({}, EPOCHS, None, test, test, as_json(Curves(losses, losses)))
    result = records.result(test, grid=[point], selected=Selected(0, EPOCHS, {}), epochs=EPOCHS)
    key = {"data": f"data of {job.full_dataset}", "method": f"code of {job.variant}", "seed": job.seed}
    return records.record(job, result, base=base, key=key)


def material_of(methods: list[str], sets: list[str]) -> Material:
    """Three seeds of own methods."""
    draw = np.random.default_rng(0)
    states = [
        JobState(
            job := JobName(name, "npz", method, seed),
            "done",
            record=record_of(job, BASES[place % 2], 0.2 + 0.005 * place, draw),
            path=Path("results/runs") / job.full_dataset / method / f"seed-{seed}.json",
        )
        for name in sets
        for place, method in enumerate(methods)
        for seed in range(3)
    ]
    manifest = Manifest(datasets=[f"{name}@npz" for name in sets], variants=methods, seeds=[0, 1, 2])
    tables = [comparison(states, metric, CONFIG, manifest, methods) for metric in PAPER_METRICS]
    return Material(states, tables, methods, comparison_frame([], {}), manifest)


@pytest.fixture(scope="module")
def few() -> Material:
    return material_of(THREE, ["yeast"])


@pytest.fixture(scope="module")
def many() -> Material:
    return material_of(FORTY, FORTY_SETS)


@pytest.fixture(scope="module")
def pages(few: Material, many: Material, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of three methods on one set, with a decision rule beside, and of forty on forty."""
    folder = tmp_path_factory.mktemp("pages")
    by_rule = [RankedBy(few.tables[0], few.states, "global")]
    texts = {"few": page(few, CONFIG, "results/runs", THREE[0], by_rule)}
    with pytest.MonkeyPatch.context() as patch:  # searches and samples over forty methods that take many seconds
        patch.setattr(over_datasets, "rests_on", lambda *_: None)
        patch.setattr(hypothesis_tests, "signed_rank_posterior", lambda *_: (0.25, 0.5, 0.25))
        texts["many"] = page(many, CONFIG, "results/runs", FORTY[0])
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text)
    return {name: folder / f"{name}.html" for name in texts}


def show(tab: Any, path: Path) -> None:
    """Show a page with nothing chosen; it is opened where it is not there yet."""
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.emulate_media(color_scheme="light")
    if tab.url != path.as_uri():
        tab.goto(path.as_uri())
    tab.evaluate("document.querySelector('#filters button').click(); scrollTo(0, 0)")


def bottom(tab: Any, selector: str) -> float:
    box = tab.locator(selector).first.bounding_box()
    return float(box["y"] + box["height"])


@pytest.mark.parametrize("name", ["few", "many"])
def test_the_first_screen_answers(tab: Any, pages: dict[str, Path], few: Material, many: Material, name: str) -> None:
    show(tab, pages[name])
    material = {"few": few, "many": many}[name]
    found = answer(
        material.tables, material.states, material.variants, material.variants[0], CONFIG, manifest=material.manifest
    )
    text = " ".join(tab.locator("#answer").inner_text().split())
    for sentence in (found.compared, found.meaning, *found.undecided):
        assert " ".join(sentence.replace("`", "").split()) in text
    assert len(found.leads) == len(PAPER_METRICS)
    for lead in found.leads:
        assert " ".join(lead.sentence.partition(": ")[2].split()) in text
    assert tab.evaluate("scrollY") == 0
    assert bottom(tab, ".leads") < 800
    assert bottom(tab, ".evidence > div") < 800
    assert tab.locator("#answer figure svg").bounding_box()["y"] < 500
    if name == "few":
        assert bottom(tab, "#answer") < 800
    assert tab.locator("#answer figure svg").get_attribute("aria-label")


@pytest.mark.parametrize("name", ["many", "few"])
def test_no_page_is_wider_than_its_screen(tab: Any, pages: dict[str, Path], name: str) -> None:
    show(tab, pages[name])
    tab.eval_on_selector_all("main details", "all => all.forEach(one => one.open = true)")
    for width, height in SCREENS:
        tab.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, (width, scheme)
    tab.emulate_media(media="print")
    assert tab.locator("#filters").is_hidden()
    tab.emulate_media(media="screen")


LUMINANCE = """cell => {
  const style = getComputedStyle(cell);
  const parts = (text) => (text.startsWith("color(srgb")
    ? text.match(/[\\d.]+/g).slice(0, 3).map(Number) : text.match(/\\d+/g).slice(0, 3).map((one) => one / 255))
    .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  return [style.backgroundColor, style.color].map((text) => {
    const [red, green, blue] = parts(text);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_shades_are_read_in_grey_and_texts_on_them(tab: Any, pages: dict[str, Path], scheme: str) -> None:
    show(tab, pages["many"])
    tab.emulate_media(color_scheme=scheme)
    found = [tab.locator(f'td[data-q="{shade}"]').first.evaluate(LUMINANCE) for shade in range(SHADES + 1)]
    grounds = [ground for ground, _ in found]
    assert grounds == sorted(grounds, reverse=scheme == "light")
    assert len(set(grounds)) == SHADES + 1
    for ground, ink in found:
        low, high = sorted((ground, ink))
        assert (high + 0.05) / (low + 0.05) >= 4.5
    ink = tab.evaluate("getComputedStyle(document.body).color")
    assert tab.locator("#answer svg text").first.evaluate("text => getComputedStyle(text).fill") == ink


def test_a_page_of_forty_by_forty_is_small(pages: dict[str, Path]) -> None:
    assert pages["many"].stat().st_size < LARGEST


def test_method_and_average_rank_stay_while_the_sets_scroll(tab: Any, pages: dict[str, Path]) -> None:
    show(tab, pages["many"])
    for width, height in SCREENS:
        tab.set_viewport_size({"width": width, "height": height})
        box = tab.locator(".ranked .scroll").first
        box.evaluate("box => box.scrollTo(10000, 10000)")
        assert box.evaluate("box => box.scrollLeft > 100 && box.scrollTop > 100")
        frame = box.bounding_box()
        row = box.locator("tbody tr").last
        name, average = row.locator("th").bounding_box(), row.locator("td.average").bounding_box()
        heading = box.locator("thead th.average").bounding_box()
        assert name["x"] == pytest.approx(frame["x"], abs=2)
        for place in (average, heading):
            assert place["x"] + place["width"] <= frame["x"] + frame["width"] + 1
            assert place["x"] > name["x"] + name["width"]
        assert heading["y"] == pytest.approx(frame["y"], abs=2)


def rows(tab: Any, table: int = 0) -> list[str]:
    return tab.locator(".ranked:not([hidden]) table").nth(table).locator("tbody tr:visible > th").all_inner_texts()


def test_average_rank_sorts_best_first(tab: Any, pages: dict[str, Path], many: Material) -> None:
    show(tab, pages["many"])
    averages = {variant: float(average) for variant, average in many.tables[0].averages.items()}
    tab.locator(".ranked thead button", has_text="Avg. Rank").first.click()
    assert rows(tab) == sorted(FORTY, key=lambda variant: averages[variant])


def test_filters_leave_what_was_asked_for_and_say_so(tab: Any, pages: dict[str, Path]) -> None:
    show(tab, pages["many"])
    status = tab.locator("#shown")
    assert status.get_attribute("aria-live") == "polite"
    assert "40 of 40 methods, 40 of 40 data sets, 4 of 4 tables" in status.inner_text()
    family = tab.locator("select[name=family]")
    family.select_option("losses")
    assert sorted(rows(tab)) == FORTY[::2]
    tab.locator("select[name=set]").select_option(label=FORTY_SETS[7])
    headings = tab.locator(".ranked thead").first.locator("th:visible").all_inner_texts()
    assert [heading.strip() for heading in headings] == ["Algorithm", FORTY_SETS[7], "Avg. Rank"]
    tab.locator("select[name=metric]").select_option(label="Coverage")
    assert tab.locator(".ranked:visible h3").all_inner_texts() == ["Coverage ↓"]
    assert "20 of 40 methods, 1 of 40 data sets, 1 of 4 tables" in status.inner_text()
    tab.locator("#filters button").click()
    assert "40 of 40 methods, 40 of 40 data sets, 4 of 4 tables" in status.inner_text()
    search = tab.locator("input[type=search]")
    search.fill("METHOD 03")
    assert rows(tab) == [FORTY[3]]
    assert tab.locator(".ranked:visible td[tabindex='0']:visible").count() == len(PAPER_METRICS)
    search.fill("number 1")  # in no method's name: data sets
    assert "40 of 40 methods, 10 of 40 data sets" in status.inner_text()
    search.fill("nothing like it")
    assert "0 of 40 methods" in status.inner_text()


def test_a_decision_rule_has_its_own_tables(tab: Any, pages: dict[str, Path]) -> None:
    show(tab, pages["few"])
    assert tab.locator(".ranked:visible").count() == len(PAPER_METRICS)
    tab.locator("select[name=rule]").select_option("global")
    assert tab.locator(".ranked:visible").count() == 1
    assert tab.locator("#paper, #gaps").count() == 0
    assert "critical difference" not in tab.locator("main").inner_text().lower()


def test_deviations_are_shown_on_demand(tab: Any, pages: dict[str, Path], many: Material) -> None:
    show(tab, pages["many"])
    cell = tab.locator(".ranked td").first
    text = many.tables[0].text(FORTY[0], many.tables[0].columns[0])
    assert cell.inner_text() == re.sub(r"±[\d.]+", "", text)
    tab.locator("input[name=deviations]").check()
    assert cell.inner_text() == text


def test_keys_reach_and_open_a_cell(tab: Any, pages: dict[str, Path], few: Material) -> None:
    show(tab, pages["few"])
    first = tab.locator(".ranked td").first
    first.focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    text = tab.locator("#panel").inner_text()
    variant = few.tables[0].variants[1]
    assert f"{variant} on yeast@npz" in text
    for state in few.states:
        if state.job.variant == variant:
            assert f"{state.value('hamming'):.6g}" in text
            assert f"seed {state.job.seed}" in text
            assert state.record
            assert state.record.key["data"] in text
            assert state.record.key["method"] in text
    assert f"bench run --datasets yeast@npz --methods '{variant}' --seeds 0 1 2 --fresh" in text
    assert tab.locator("#panel polyline").count() == 3
    tab.keyboard.press("Escape")
    assert tab.locator("#panel").is_hidden()
    assert tab.evaluate("document.activeElement.closest('tr').cells[0].innerText") == variant
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Enter")  # an average rank is of no job
    assert tab.locator("#panel").is_hidden()
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def parsed(material: Material, states: list[JobState] | None = None) -> dict[str, Any]:
    text = details([RankedBy(material.tables[0], states or material.states)], material.manifest, CONFIG)
    assert "<" not in text
    return dict(json.loads(text))


def test_curves_are_thinned_and_keep_their_ends(few: Material) -> None:
    found = parsed(few)
    for state in few.states:
        assert state.record
        assert state.record.result
        curves = state.record.result.grid[0].curves
        assert isinstance(curves, Curves)
        (cell,) = (
            job
            for job in found["cells"][f"{few.tables[0].variants.index(state.job.variant)},0"]
            if job[0] == state.job.seed
        )
        epochs, kept, low, high, shares = cell[-1]
        assert (epochs, kept) == (EPOCHS, state.record.result.selected.epoch)
        assert len(shares) < EPOCHS
        drawn = [low + share / 999 * (high - low) for share in shares]
        assert drawn[0] == pytest.approx(curves.hamming[0], abs=1e-3)
        assert drawn[-1] == pytest.approx(curves.hamming[-1], abs=1e-3)
        for loss in drawn:
            assert min(abs(loss - one) for one in curves.hamming) < 1e-3


def changed_state(state: JobState, **changes: Any) -> JobState:
    assert state.record
    return replace(state, record=msgspec.structs.replace(state.record, **changes))


def test_a_command_remakes_what_its_run_made(few: Material, tmp_path: Path) -> None:
    protocol = CONFIG.protocols["small"]
    other = msgspec.structs.replace(protocol, epochs=7, minimum_steps=0, selection="micro-f1", patience=3)
    state = replace(few.states[0], protocol=other)
    assert parsed(few, [state])["tails"] == [" --epochs 7 --selection micro-f1 --patience 3"]
    assert parsed(few, [replace(few.states[0], protocol=protocol)])["tails"] == [""]
    elsewhere = replace(state, protocol=Protocol(), path=tmp_path / "my runs/a@b/c/seed-0.json")
    (tail,) = parsed(few, [elsewhere])["tails"]
    assert tail.endswith(f" --results '{tmp_path}/my runs'")
    scored = changed_state(few.states[0], provenance=Provenance("external", "own.npz", "0", 0.5), base="")
    assert parsed(few, [scored])["tails"] == ["-"]
    assert parsed(few, [scored])["folders"] == [f"results/runs/{PACKED}"]  # no file of its own is there


def test_shades_run_from_the_best_to_the_last_ranked(few: Material, many: Material) -> None:
    for material in (few, many):
        (table, *_) = material.tables
        (shown, *_) = shown_tables([RankedBy(table, material.states)], [])
        for place, column in enumerate(table.columns):
            ranks = {line.variant: cell.rank for line in shown.ranked if (cell := table.cell(line.variant, column))}
            last = max(filter(None, ranks.values()))
            for line in shown.ranked:
                rank = ranks[line.variant]
                assert rank
                assert line.cells[place].shade == round(SHADES * (1 - (rank - 1) / (last - 1)))
                whole = "".join((line.cells[place].text, line.cells[place].deviation, line.cells[place].rank))
                assert whole == table.text(line.variant, column)
    (table, *_) = few.tables
    one = replace(table, cells={(v, c): replace(cell, rank=1) for (v, c), cell in table.cells.items()})
    (shown, *_) = shown_tables([RankedBy(one, few.states)], [])
    assert {line.cells[0].shade for line in shown.ranked} == {None}
    none = replace(table, cells={}, averages={})
    (shown, *_) = shown_tables([RankedBy(none, few.states)], [])
    assert [cell.text for line in shown.ranked for cell in line.cells] == [GAP] * len(THREE)


def test_a_figure_takes_the_pages_ink_and_leaves_names_alone() -> None:
    def drawn() -> str:
        figure = Figure(figsize=(3, 2))
        axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
        axes.plot([1, 2], [3, 4], "o-", color="black", markerfacecolor="white")
        axes.text(1, 3, "<#000000> 0.123456 #ffffff", color="0.55")
        return inline(figure, 'a "figure" <of> lines')

    svg = drawn()
    assert svg == drawn()
    assert 'aria-label="a &quot;figure&quot; &lt;of&gt; lines"' in svg
    assert ">&lt;#000000&gt; 0.123456 #ffffff</text>" in svg
    attributes = " ".join(re.findall(r'style="([^"]*)"', svg))
    assert "#000000" not in attributes
    assert "#ffffff" not in attributes
    assert "#8c8c8c" in attributes
    assert {"currentColor", "var(--ground)"} <= set(re.findall(r"currentColor|var\(--ground\)", attributes))
    assert "<style" not in svg
