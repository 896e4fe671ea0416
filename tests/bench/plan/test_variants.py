"""Names of methods: families, aliases, and what runs only when it is named."""

from __future__ import annotations

import pytest

from bench import config as configuration
from bench import methods
from bench.config import Config
from bench.errors import UsageError
from bench.plan.variants import chosen_variants, spelled_out


@pytest.fixture(scope="module")
def config() -> Config:
    return configuration.load()


def names(config: Config, *given: str) -> list[str]:
    return [variant.name for variant in chosen_variants(config, given or None)]


def test_a_family_stands_for_its_methods(config: Config) -> None:
    losses = [name for name, info in methods.infos().items() if info.family == "losses"]
    assert sorted(names(config, "@losses")) == sorted(losses)
    assert {"BCE", "FL", "BS"} <= set(losses)
    assert names(config, "@Losses", "BCE", "ML-KNN") == [*names(config, "@losses"), "ML-KNN"]


def test_the_papers_rows_are_a_family(config: Config) -> None:
    assert names(config, "@paper") == [*config.tables.ranked, *config.tables.extra]


def test_an_alias_stands_for_its_method(config: Config) -> None:
    assert names(config, "ZLPR", "BS", "AN") == ["BS", "BCE"]
    assert methods.info("ZLPR").name == "BS"
    assert names(config, "an", "zlpr", "flem-d") == ["BCE", "BS", "FLEM-D"]
    assert spelled_out(config, ["an", "ASL .8"], ["bce", "BCE", "asl .8"]) == ["BCE", "asl .8"]


def test_a_family_of_records_is_what_is_there_of_it(config: Config) -> None:
    assert spelled_out(config, ["@losses", "Mine"], ["BCE", "FL", "Mine"]) == ["BCE", "FL", "Mine"]
    with pytest.raises(UsageError, match="of @losses there is nothing here; it stands for "):
        spelled_out(config, ["@losses"], ["Mine"])


def test_an_unknown_family_is_refused_with_a_suggestion(config: Config) -> None:
    with pytest.raises(UsageError, match="there is no family of methods '@lossess'; did you mean '@losses'"):
        chosen_variants(config, ["@lossess"])


def test_a_family_may_be_kept_for_when_it_is_named(config: Config) -> None:
    from msgspec.structs import replace

    run = replace(config.run, only_when_named=["@losses"])
    without = names(replace(config, run=run))
    assert not set(without) & set(names(config, "@losses"))
    assert "ML-KNN" in without


def test_every_built_in_method_has_a_known_family_and_a_year() -> None:
    for name, info in methods.infos().items():
        if info.origin == "built-in":
            assert info.family in methods.FAMILIES, name
            assert info.year, name
            assert not set(info.aliases) & set(methods.infos()), name
