"""bench.toml: what is laid over what, and one sentence for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import config
from bench.errors import UsageError


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
    assert list(settings.datasets)[1:] == ["AAPD", "Reuters", "VOC07", "VOC12", "COCO14", "COCO17", "CUB", "NUS"]


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
        ("[run]\nseeds = []", "run.seeds is empty"),
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
