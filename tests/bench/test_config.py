"""bench.toml: what is laid over what, and one sentence for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import config
from bench.errors import UsageError
from bench.plan.variants import variants_of


def loaded(tmp_path: Path, text: str) -> config.Config:
    (tmp_path / "bench.toml").write_text(text, encoding="utf-8")
    return config.load(tmp_path)


def test_defaults() -> None:
    settings = config.load(Path("/nonexistent"))
    assert settings.run.datasets == ["yeast"]
    assert settings.method_folders == []
    assert settings.protocols["paper"].minimum_steps == 0
    small = settings.protocols["small"]
    assert (small.scaling, small.minimum_steps, small.batch_size) == ("minmax", 2000, 64)
    papers = ["AAPD", "Reuters", "VOC07", "VOC12", "COCO14", "COCO17", "CUB", "NUS"]
    assert list(settings.datasets) == ["yeast", *papers, "GoEmotions"]


def test_the_working_folder_lies_over_the_default(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path, '[protocols.small]\nepochs = 5\n[methods."FLEM-D legacy"]\nbase = "FLEM-D"\ninteraction = "legacy"\n'
    )
    assert settings.protocols["small"].epochs == 5
    assert settings.protocols["small"].scaling == "minmax"
    row = settings.variants["FLEM-D legacy"]
    assert (row.base, row.options) == ("FLEM-D", {"interaction": "legacy"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[protocols.paper]\nepoch = 3", "unknown key protocols.paper.epoch; did you mean 'epochs'?"),
        ("[protocol.paper]\nepochs = 3", "unknown key protocol; did you mean 'protocols'?"),
        ("[protocols.paper]\nepochs = 'many'", "protocols.paper.epochs: Expected `int`, got `str`"),
        ("[protocols.mine]\nbase = 'papr'", "protocols.mine has the unknown base 'papr'; did you mean 'paper'?"),
        ("[protocols.a]\nbase = 'b'\n[protocols.b]\nbase = 'a'", "are each other's base"),
        ("[datasets.X]\nprotocol = 'smal'", "which is not defined; did you mean 'small'?"),
        ("[datasets.X]\nstem = ['a']", "unknown key datasets.X.stem; did you mean 'stems'?"),
        ("[methods.X]\nclip = 'both'", "methods.X.clip: Invalid enum value 'both'"),
        ("methods = 3", "methods must be a table"),
        ("method_folders = 3", "method_folders: Expected `array`, got `int`"),
        ("method_folder = []", "unknown key method_folder; did you mean 'method_folders'?"),
        ("[protocols.paper]\nbatch_size = 0", "protocols.paper.batch_size must be at least 2, not 0"),
        ("[protocols.paper]\nepochs = -3", "protocols.paper.epochs must be at least 1, not -3"),
        ("[protocols.paper]\nstack = 0", "protocols.paper.stack must be at least 1, not 0"),
        ("[protocols.paper]\nlearning_rate = -1.0", "protocols.paper.learning_rate must be a number above 0, not -1.0"),
        ("[protocols.paper]\nlearning_rate = nan", "protocols.paper.learning_rate must be a number above 0, not nan"),
        ("[protocols.paper]\nbetas = [0.9, 1.0]", "protocols.paper.betas must be from 0 to below 1, not [0.9, 1.0]"),
        ("[protocols.paper]\npatience = -1", "protocols.paper.patience must be at least 0, not -1"),
        ("[protocols.paper]\nselect_every = 0", "protocols.paper.select_every must be at least 1, not 0"),
        ("[protocols.paper]\nalso_select = 'ranking'", "protocols.paper.also_select: Expected `array`, got `str`"),
        ("[run]\nseeds = []", "run.seeds is empty"),
        ("[run]\nprotocol = 'smal'", "run.protocol is the protocol 'smal', which is not defined; did you mean"),
        ("[run]\ncheckpoint_seconds = -1", "run.checkpoint_seconds must be at least 0"),
        ("[run\n", "cannot be read as TOML"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        loaded(tmp_path, text)
    assert sentence in str(error.value)
    assert "bench.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_fidelity_decides_bias_decay_and_clip() -> None:
    official, paper = config.Protocol(), config.Protocol(fidelity="paper")
    assert (official.bias_weight_decay, official.effective_clip) == (1e-2, "joint")
    assert (paper.bias_weight_decay, paper.effective_clip) == (0.0, "none")
    assert config.Protocol(fidelity="paper", clip="separate").effective_clip == "separate"


def test_epochs_grow_to_the_minimum_of_steps() -> None:
    small = config.Protocol(minimum_steps=2000)
    assert small.epochs_for(1200) == 106  # 19 batches an epoch
    assert small.epochs_for(64 * 100) == 30
    assert small.epochs_for(65) == 2000  # the second batch has one row and is dropped
    assert config.Protocol().epochs_for(10) == 30


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[protocols.p]\nbase = ['small']", "protocols.p has the unknown base ['small']"),
        ("[protocols.p]\nbase = 3", "protocols.p has the unknown base 3"),
        ("[protocols]\nsmall = 3", "protocols.small must be a table, not 3"),
        ("[protocols.p]\nbase = 'small'\n[protocols]\nsmall = 3", "protocols.small must be a table, not 3"),
        ("[protocols.paper]\nthreads = 1000000", "protocols.paper.threads must be at most 1024, not 1000000"),
        ("[protocols.paper]\nepochs = 10000000", "protocols.paper.epochs must be at most 1000000"),
        ("[recovery]\nprotocol = 'nope'", "recovery.protocol is the protocol 'nope', which is not defined"),
        (f"[methods.X]\nbase = 'FL'\ngamma = 1{'0' * 400}", "methods.X.gamma: the number is too large"),
        ("[methods.X]\nbase = 'FL'\ngamma = 2020-01-01", "methods.X.gamma: a date or time is no value here"),
        ("[methods.X]\nbase = 'FLEM-D'\ngrid = { alpha = [2020-01-01] }", "methods.X.grid.alpha.0: a date"),
        ('data = ["a\\u0000b"]', "data.0: the text holds a NUL character"),
        ('[methods."a\\u0000b"]\nbase = "BCE"', r"'a\x00b' cannot be a folder's"),
        ('[methods."a\\nb"]\nbase = "BCE"', "cannot be a folder's or part of a file's: it holds a line break"),
        (f'[methods."{"r" * 300}"]\nbase = "BCE"', "it has more than 200 bytes"),
        ('[methods."../x"]\nbase = "BCE"', "cannot be a folder's"),
        ('[datasets."../../x"]\nsource = "river"', "the data set's name '../../x' cannot be a folder's"),
        ('[datasets."a@b"]\nsource = "river"', "the data set's name 'a@b' cannot be a folder's or part of a file's"),
        ("[methods.X]\nbase = 'FLEM-D'\ngrid = { alpha = " + str(list(range(101))) + ", beta = "
         + str(list(range(101))) + " }", "methods.X.grid has 10201 points; at most 10000 are tried"),
        ("[methods.X]\n" + ".".join(["a"] * 3000) + " = 1", "it is nested too deeply"),
        ("a = " + "[" * 100_000, "cannot be read as TOML"),
    ],
)  # fmt: skip
def test_strange_values_are_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        loaded(tmp_path, text)
    assert sentence in str(error.value)
    assert "bench.toml" in str(error.value)
    assert len(str(error.value)) < 400


def test_a_bench_toml_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").symlink_to("nowhere")
    with pytest.raises(UsageError, match=r"bench\.toml is missing"):
        config.load(tmp_path)
    (tmp_path / "bench.toml").unlink()
    (tmp_path / "bench.toml").mkdir()
    with pytest.raises(UsageError, match=r"bench\.toml is a folder, a pipe or a device"):
        config.load(tmp_path)
    (tmp_path / "bench.toml").rmdir()
    (tmp_path / "bench.toml").write_bytes("[run]\nseeds = [3]".encode("utf-8-sig"))
    assert config.load(tmp_path).run.seeds == [3]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[tables]\nranked = ['FLEMD']", "tables.ranked names 'FLEMD', which is no method or variant; did you mean"),
        ("[run]\nonly_when_named = ['NOPE']", "run.only_when_named names 'NOPE'"),
        ("[recovery]\nranked = ['NOPE']", "recovery.ranked names 'NOPE'"),
        ("[recovery.recipes.NOPE]\nsource = ''", "recovery.recipes names 'NOPE'"),
    ],
)
def test_names_of_methods_that_there_are_not(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=r"bench\.toml") as error:
        variants_of(loaded(tmp_path, text))
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "selection = 'micro-f2'",
            "nothing can be selected by 'micro-f2', which is no metric; known: hamming, ranking,",
        ),
        ("also_select = ['ranking', 'micro_f1']", "nothing can be selected by 'micro_f1', which is no metric; known:"),
        ("also_select = ['hamming']", "'hamming' is named twice among selection and also_select"),
        ("also_select = ['ranking', 'ranking']", "'ranking' is named twice"),
    ],
)
def test_metrics_to_select_by_are_checked_with_the_methods(tmp_path: Path, text: str, sentence: str) -> None:
    """Once the folders of a user's own are known, whatever protocol is used."""
    settings = loaded(tmp_path, f"[protocols.mine]\nbase = 'paper'\n{text}")
    with pytest.raises(UsageError) as error:
        variants_of(settings)
    assert f"bench.toml: protocols.mine: {sentence}" in str(error.value)


def test_a_protocol_is_described_with_what_selects() -> None:
    plain = config.describe_protocol({"selection": "hamming"})
    assert plain.endswith("float32; epoch and grid point by validation Hamming loss.")
    other = config.describe_protocol({"selection": "micro-f1", "patience": 5, "select_every": 3})
    assert other.endswith(
        "; epoch and grid point by validation micro-f1, every 3 epochs, at most 5 epochs without a better one."
    )
