"""Recipes of variants: options of the method, settings of the protocol's training, and what is searched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import config
from bench.config import Variant
from bench.errors import UsageError
from bench.job.recipe import described, recipe
from bench.plan.tracks import make_plan, recovery_variants
from bench.plan.variants import departures
from bench.records.probe_request import LEARNING_RATE

RATES = [1e-3, 3e-3, 1e-2]


def planned(variant: Variant, epochs: int | None = None) -> Any:
    (job,) = make_plan(config.load(Path("/nonexistent")), [], ["yeast"], [variant], [0], epochs).jobs
    return job


def test_a_searched_setting_makes_points_and_stands_in_the_key() -> None:
    plain = planned(Variant("BCE", "BCE"))
    tuned = planned(Variant("BCE tuned", "BCE", grid={"learning_rate": RATES}))
    assert tuned.points == ({}, {}, {})
    assert tuned.described_points == [{"learning_rate": rate} for rate in RATES]
    assert tuned.grid_names == ("learning_rate",)
    assert tuned.protocol == plain.protocol
    hyperparameters = tuned.key["hyperparameters"]
    assert hyperparameters == {"method": "BCE", "options": {}, "grid": {}, "training_grid": {"learning_rate": RATES}}
    assert plain.key["hyperparameters"] == {"method": "BCE", "options": {}, "grid": {}}
    assert plain.training == ()


def test_a_fixed_setting_is_part_of_the_protocol() -> None:
    plain = planned(Variant("BCE", "BCE"))
    for variant in (
        Variant("x", "BCE", {"learning_rate": 1, "epochs": 60}),
        Variant("x", "BCE", training={"learning_rate": 1, "epochs": 60}),
    ):
        job = planned(variant)
        assert (job.protocol.learning_rate, job.protocol.epochs) == (1.0, 60)
        assert job.key["hyperparameters"] == plain.key["hyperparameters"]
        changed = {name for name, value in job.key["protocol"].items() if value != plain.key["protocol"][name]}
        assert changed == {"learning_rate", "epochs", "minimum_steps"}
        assert job.protocol.minimum_steps == 0  # exactly so many epochs
        assert planned(variant, epochs=2).protocol.epochs == 60  # its own, as with minimum_steps


@pytest.mark.parametrize(
    ("variant", "steps"),
    [
        (Variant("x", "BCE", {}, {"epochs": [2, 3]}), 0),
        (Variant("x", "BCE", {"epochs": 2, "minimum_steps": 70}), 70),
        (Variant("x", "BCE", {"epochs": 2}, minimum_steps=50), 50),
        (Variant("x", "BCE", {"learning_rate": 0.1}), 2000),
    ],
)
def test_epochs_of_its_own_are_exact_unless_it_has_a_minimum_of_steps(variant: Variant, steps: int) -> None:
    assert planned(variant).protocol.minimum_steps == steps


def test_a_name_that_both_have_is_the_methods() -> None:
    own = recipe(Variant("x", "LEVI", {"epochs": 7}, {"batch_size": [32, 64]}))
    assert (own.options["epochs"], own.settings, own.settings_grid) == (7, {}, {})
    assert [point["batch_size"] for point in own.points] == [32, 64]
    variant = Variant("x", "LEVI", {"epochs": 7}, {}, training={"epochs": 9}, training_grid={"batch_size": [32, 64]})
    both = recipe(variant)
    assert (both.options["epochs"], both.settings) == (7, {"epochs": 9, "minimum_steps": 0})
    assert both.training == ({"batch_size": 32}, {"batch_size": 64})
    assert both.grid_names == ("training.batch_size",)
    found = described(tuple(both.points), both.training)
    assert [(point["batch_size"], point["training.batch_size"]) for point in found] == [(128, 32), (128, 64)]
    assert departures(variant) == [
        "epochs 7",
        "the classifier's 9 epochs",
        "no minimum of steps",
        "the classifier's batch size chosen among 32, 64",
        "without the grid of LEVI",
    ]


def test_training_grid_is_beside_the_methods_grid_and_grid_instead_of_it() -> None:
    beside = recipe(Variant("x", "FLEM-D", training_grid={"learning_rate": RATES}))
    assert len(beside.points) == len(beside.training) == 3 * 16
    assert beside.points[:16] == beside.points[16:32] == recipe(Variant("FLEM-D", "FLEM-D")).points
    assert [own["learning_rate"] for own in beside.training] == [rate for rate in RATES for _ in range(16)]
    instead = recipe(Variant("x", "FLEM-D", {}, {"learning_rate": RATES}))
    assert len(instead.points) == 3
    assert departures(Variant("x", "FLEM-D", {}, {"learning_rate": RATES})) == [
        "learning rate chosen among 0.001, 0.003, 0.01",
        "without the grid of FLEM-D",
    ]


LISTS = "options of BCE: none; settings of training: epochs, "


@pytest.mark.parametrize(
    ("variant", "sentence"),
    [
        (Variant("x", "BCE", {"learn_rate": 1}), f"no option 'learn_rate'; did you mean 'learning_rate'? {LISTS}"),
        (Variant("x", "BCE", {}, {"qqq": [1.0]}), f"the method 'BCE' has no option 'qqq'; {LISTS}"),
        (Variant("x", "FL", training={"gamma": 1.0}), "there is no setting of training 'gamma'; options of FL: gamma"),
        (
            Variant("x", "BCE", {"scaling": "none"}),
            f"'scaling' is one for all variants, a setting of the protocol; {LISTS}",
        ),
        (Variant("x", "ML-KNN", {"epochs": 1}), "settings of training: none, as it is not trained by gradients"),
        (Variant("x", "BCE", {"learning_rate": "fast"}), "learning_rate: expected `float`, got `str`"),
        (Variant("x", "BCE", {"learning_rate": -1.0}), "learning_rate must be a number above 0, not -1.0"),
        (Variant("x", "BCE", {"epochs": 1.5}), "epochs: expected `int`, got `float`"),
        (Variant("x", "BCE", {}, {"epochs": [1, 0]}), "epochs must be at least 1, not 0"),
        (Variant("x", "BCE", {}, {"epochs": 3}), "the grid of 'epochs' must be a list of values, not 3"),
        (Variant("x", "BCE", training_grid={"clip": []}), "the grid of 'clip' must be a list of values, not []"),
        (Variant("x", "BCE", {"epochs": 2}, training={"epochs": 3}), "'epochs' is given twice: as an option"),
        (Variant("x", "BCE", {"epochs": 2}, {"epochs": [3]}), "'epochs' is given twice; a variant either fixes"),
        (Variant("x", "BCE", training={"clip": "none"}, clip="joint"), "'clip' is given twice"),
    ],
)
def test_mistakes_are_one_sentence(variant: Variant, sentence: str) -> None:
    with pytest.raises(UsageError, match="variant 'x': ") as error:
        recipe(variant)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_bench_toml_has_the_tables(tmp_path: Path) -> None:
    text = '[methods."BCE tuned"]\nbase = "BCE"\nbatch_size = 32\ngrid = { learning_rate = [1e-3, 1e-2] }\n'
    text += '[methods."LEVI long"]\nbase = "LEVI"\ntraining = { epochs = 60 }\ntraining_grid = { batch_size = [32] }\n'
    (tmp_path / "bench.toml").write_text(text)
    found = config.load(tmp_path).variants
    assert recipe(found["BCE tuned"]).settings == {"batch_size": 32}
    assert recipe(found["LEVI long"]).settings == {"epochs": 60, "minimum_steps": 0}
    large = f"[methods.x]\nbase = 'FL'\ntraining_grid = {{ epochs = {list(range(1, 10_002))} }}\n"
    (tmp_path / "bench.toml").write_text(large)
    with pytest.raises(UsageError, match=r"methods\.x\.grid has 10001 points; at most 10000 are tried"):
        config.load(tmp_path)


def test_the_recovery_track_searches_nothing() -> None:
    settings = config.load(Path("/nonexistent"))
    settings.variants["mine"] = Variant("mine", "LEVI", {}, {"learning_rate": RATES}, training_grid={"epochs": [1, 2]})
    settings.variants["steps"] = Variant("steps", "LEVI", training={"minimum_steps": 50})
    found = recovery_variants(settings)
    assert (recipe(found["mine"]).training, found["mine"].minimum_steps) == ((), 0)
    assert recipe(found["steps"]).settings == {"minimum_steps": 50}


def test_a_probe_has_the_settings_of_the_first_and_the_last_point() -> None:
    variant = Variant(
        "x", "BCE", {}, {"learning_rate": [1e-3, 3e-3, 4e-3], "epochs": [3, 9], "clip": ["joint", "none"]}
    )
    request = planned(variant).probe_request
    assert request.training == (
        {"learning_rate": pytest.approx(LEARNING_RATE / 4), "clip": "joint"},
        {"learning_rate": pytest.approx(LEARNING_RATE), "clip": "none"},
    )
    assert len(request.points) == 2
    assert planned(Variant("BCE", "BCE")).probe_request.training == ()
