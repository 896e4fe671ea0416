"""Label enhancement as a user meets it: recovered distributions kept and drawn, and the recovery track."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.errors import UsageError
from bench.records.artifacts import KeptFile, RecoveredDistribution, read_distribution
from bench.report.instance import bar_list
from tests.end_to_end.test_program import ROOT, SMALL, bench, result_of, small_set

RUN = ("run", *SMALL, "--methods", "VALEN", "FLEM-D", "BCE", "--epochs", "2")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two label-enhancement methods and BCE on a small set, run with and without keeping distributions."""
    folder = tmp_path_factory.mktemp("kept")
    small_set(folder)
    assert bench(*RUN, cwd=folder).returncode == 0
    done = bench(*RUN, "--keep", "scores", "distributions", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "3 jobs: 3 incomplete." in done.stdout
    assert "3 lack what --keep asks for; they run again" in done.stdout
    return folder


def test_keeping_more_changes_no_result_and_is_done_once(kept: Path) -> None:
    runs = kept / "results/runs/small@npz"
    for row in ("VALEN", "FLEM-D", "BCE"):
        (old,) = (runs / row).glob("*.json.old")
        assert json.loads(old.read_text())["result"] == result_of(kept / "results/runs", "small@npz", row)
    again = bench(*RUN, "--keep", "scores", "distributions", cwd=kept)
    assert "3 jobs: 3 done." in again.stdout


def test_distributions_load_in_python(kept: Path) -> None:
    for row in ("VALEN", "FLEM-D"):
        found = read_distribution(KeptFile(kept / f"results/runs/small@npz/{row}/seed-0.distributions.npz"))
        assert found.degrees.shape == found.logical.shape == (120, 14)
        assert found.scores is not None
        assert found.scores.shape == (120, 14)
        np.testing.assert_allclose(found.degrees.sum(1), 1, atol=1e-5)
        assert len(found.label_names) == 14
    assert not (kept / "results/runs/small@npz/BCE/seed-0.distributions.npz").exists()
    with pytest.raises(UsageError, match="with --keep distributions"):
        read_distribution(KeptFile(kept / "nothing.npz"))


def test_show_draws_an_instance(kept: Path) -> None:
    done = bench("show", "small", "flem-d", "--instance", "17", cwd=kept, PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    found = read_distribution(KeptFile(kept / "results/runs/small@npz/FLEM-D/seed-0.distributions.npz"))
    best = int(found.degrees[17].argmax())
    first_bar = done.stdout.splitlines()[4]
    assert first_bar.startswith(found.label_names[best])
    assert f"{found.degrees[17, best]:.4f}" in first_bar
    assert "█" * 30 in first_bar
    plain = bench("show", "small", "FLEM-D", "--instance", "17", cwd=kept, PYTHONIOENCODING="ascii")
    assert "#" * 30 in plain.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["small", "FLEM-D", "--instance", "120"], "has the training rows 0 to 119, not 120"),
        (["small", "BCE", "--instance", "1"], "BCE recovers no label distribution"),
        (["small", "VALLEN", "--instance", "1"], "did you mean 'VALEN'?"),
        (["small", "VALEN", "--instance", "1", "--seed", "3"], "no record of the data set small with seed 3"),
        (["scene", "VALEN", "--instance", "1"], "no record of the data set scene"),
    ],
)
def test_mistakes_in_show_are_one_sentence(kept: Path, arguments: list[str], message: str) -> None:
    done = bench("show", *arguments, cwd=kept)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_show_says_what_was_not_kept(tmp_path: Path) -> None:
    assert bench("run", "--methods", "BCE", "--epochs", "1", cwd=tmp_path).returncode == 0
    done = bench("show", "yeast", "BCE", "--instance", "1", cwd=tmp_path)
    assert done.returncode == 2
    assert "did not keep its distributions" in done.stderr


def test_bars_name_positive_labels_and_sum_up_the_rest() -> None:
    found = RecoveredDistribution(
        np.array([[0.1, 0.6, 0.05, 0.25]], dtype=np.float32), np.array([[0, 1, 1, 0]], dtype=np.int8), list("abcd")
    )
    lines = bar_list(found, 0, top=2, block="#")
    assert [line.split()[0] for line in lines[1:-1]] == ["b", "d", "c"]
    assert lines[1].count("#") == 30
    assert lines[2].count("#") == 12  # 30 * .25 / .6, half to even
    assert lines[-1] == "1 more labels, none of them positive, with degrees up to 0.1000"


# --- the recovery track ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recovered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recovered")
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        degrees = random.dirichlet(np.ones(4), 60)
        np.savez(folder / f"ldl_{name}.npz", X=random.random((60, 5)), D=degrees)
    rows = ("LP", "KM", "FLEM-D", "uniform", "logical labels")
    done = bench("recover", "--data", ".", "--methods", *rows, "--seeds", "0", "1", "--epochs", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "printed.txt").write_text(done.stdout)
    assert "20 jobs done, 0 failed" in done.stderr
    return folder


def test_recover_prints_six_ranked_tables_and_the_floors(recovered: Path) -> None:
    printed = (recovered / "printed.txt").read_text()
    for title in ("Chebyshev", "Clark", "Canberra", "Kullback-Leibler", "Cosine", "Intersection"):
        assert f"{title} " in printed
    value = json.loads((recovered / "results/recovery/one@npz/LP/seed-0.json").read_text())["recovered"]["measures"]
    assert f"{value['chebyshev']:.4f}±0.0000" in printed
    assert printed.count("Mean ± standard deviation over the seeds 0, 1") == 1  # shared notes stand once
    assert "nothing is selected" in printed
    assert "FLEM-D: alpha 0.01, beta 0.01" in printed
    assert "one, two: logical labels: the fewest labels, by degree, with a mass over 0.5." in printed
    assert "better / level / worse" in printed
    first_table = printed.split("Clark")[0]
    after_rule = first_table.rsplit("-----------", 1)[1]
    assert "uniform" in after_rule
    assert "LP" not in after_rule.split("logical labels")[0]


def test_recover_again_computes_nothing_and_formats_go_to_standard_output(recovered: Path) -> None:
    rows = ("LP", "KM", "FLEM-D", "uniform", "logical labels")
    arguments = ["recover", "--data", ".", "--methods", *rows, "--seeds", "0", "1", "--epochs", "2"]
    done = bench(*arguments, "--format", "csv", cwd=recovered)
    assert done.returncode == 0, done.stderr
    assert "20 jobs: 20 done." in done.stderr
    assert done.stdout.startswith("variant,dataset,mean,")
    markdown = bench(*arguments, "--format", "markdown", cwd=recovered).stdout
    assert "| better / level / worse" in markdown


def test_the_two_tracks_do_not_mix(recovered: Path) -> None:
    done = bench("run", "--methods", "BCE", "--epochs", "2", "--results", "results/recovery", cwd=recovered)
    assert done.returncode == 2
    assert "holds records of the recovery track" in done.stderr


def test_recover_without_data_or_with_a_wrong_name_is_one_sentence(tmp_path: Path) -> None:
    none = bench("recover", "--data", str(tmp_path), cwd=tmp_path)
    assert none.returncode == 2
    assert "no set with label distributions is in the data folders" in none.stderr
    row = bench("recover", "--data", str(tmp_path), "--methods", "BCE", cwd=tmp_path)
    assert row.returncode == 2
    assert "BCE recovers no label distribution; those that do: FCM, KM" in row.stderr


def test_methods_kept_for_when_they_are_named(tmp_path: Path) -> None:
    listed = bench("run", "--dry-run", cwd=tmp_path).stdout
    assert "LEVI" in listed
    assert "GLLE" not in listed
    assert "GLLE" in bench("run", "--dry-run", "--methods", "all", cwd=tmp_path).stdout
    assert "GLLE" in bench("run", "--dry-run", "--methods", "GLLE", cwd=tmp_path).stdout


def test_a_diverged_recovery_network_is_a_failed_record_that_names_the_epoch(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text('[methods."LEVI wild"]\nbase = "LEVI"\nkl_weight = 1e300\nhidden = 8\n')
    done = bench("run", "--methods", "LEVI wild", "--epochs", "2", cwd=tmp_path)
    assert done.returncode == 1
    assert "the recovery network's training loss is no longer finite in epoch" in done.stdout
    table = bench("table", "--metric", "hamming", cwd=tmp_path).stdout
    assert "failed" in table
    assert "nan" not in table.lower()


PAGE = (ROOT / "docs/enhancement.md").read_text(encoding="utf-8")


def test_a_label_enhancement_method_is_one_file_in_both_tracks(tmp_path: Path) -> None:
    """What docs/enhancement.md tells a reader to write."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own/smoothed.py").write_text(
        PAGE.partition("## Adding one")[2].partition("```python\n")[2].partition("```")[0]
    )
    (tmp_path / "bench.toml").write_text('method_folders = ["own"]\n')
    random = np.random.default_rng(0)
    np.savez(tmp_path / "one.npz", X=random.random((30, 3)), D=random.dirichlet(np.ones(4), 30))
    listed = bench("list", "methods", "--options", cwd=tmp_path)
    assert listed.returncode == 0
    assert (
        "mix=1.0, predictor=soft-bce, penalty=0.1, tolerance=0.001, strength=0.1; grid of 2 over mix" in listed.stdout
    )
    recovered = bench("recover", "--data", ".", "--methods", "Smoothed", "uniform", "--seeds", "0", cwd=tmp_path)
    assert recovered.returncode == 0, recovered.stderr
    assert "Smoothed" in recovered.stdout
    small_set(tmp_path)
    ran = bench("run", *SMALL, "--methods", "Smoothed", "--epochs", "1", "--keep", "distributions", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "degree" in bench("show", "small", "Smoothed", "--instance", "0", cwd=tmp_path).stdout
