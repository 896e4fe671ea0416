"""The registry's reading of source against the classes that importing gives."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path

import pytest

from bench import estimator, methods
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.job.method_check import fault
from bench.methods import declarations
from bench.methods.api import LinearMethod
from bench.protocol import Protocol
from bench.system.processes import side_by_side
from tests.conftest import problem_of, random_split

WHOLE = """
    def fit(self, train, seed): pass
    def scores(self, x): return x[:, :3]
"""
TRAINED = """
    def objective(self, batch): return (batch.z - batch.y).square().mean()
"""


def mine(bases: str, *before: str, body: str = " pass", options: str = "") -> str:
    """A file that registers a class of these bases as "Mine"."""
    decorator = f'@register("Mine", family="test", paper="none"{options})'
    return "\n".join([*before, "from bench.methods.api import register", decorator, f"class X({bases}):{body}", ""])


API, LINEAR, OTHER = (
    "from bench.methods import api",
    "from bench.methods.api import LinearMethod",
    "from bench.methods.api import Method",
)
TOLD = {
    "of a method": (mine("MLKNN", "from bench.methods.mlknn import MLKNN", options=", k=5, smoothing=1.0"), False),
    "of a linear one": (mine("BalancedSoftmax", "from bench.methods.balanced_softmax import BalancedSoftmax"), True),
    "of two stages": (mine("KernelMembership", "from bench.methods.kernel_membership import KernelMembership"), True),
    "dotted": (mine("api.Method", API, body=WHOLE), False),
    "dotted, linear": (mine("api.LinearMethod", API, body=TRAINED), True),
    "module by another name": (mine("m.Method", "import bench.methods.api as m", body=WHOLE), False),
    "full name": (mine("bench.methods.api.Method", "import bench.methods.api", body=WHOLE), False),
    "by the other's name": (mine("LinearMethod", f"{OTHER} as LinearMethod", body=WHOLE), False),
    "bound again below": (mine("Method", f"{LINEAR} as Method", body=TRAINED) + OTHER, True),
    "assigned": (mine("Base", API, "Base = api.Method", body=WHOLE), False),
    "named as its base": (mine("Method", OTHER, f"class Method(Method):{WHOLE}"), False),
    "mixed in": (mine("Mixed, LinearMethod", LINEAR, "class Mixed: pass", body=TRAINED), True),
    "two bases": (mine("Mixed, LinearMethod", LINEAR, "class Mixed(LinearMethod): pass", body=TRAINED), True),
}
"""{what: (the file, whether its method is gradient-trained)}, told by the source."""
NOT_TOLD = {
    "computed": (mine("base()", API, "def base(): return api.Method", body=WHOLE), False),
    "tried": (
        mine("Method", "try: from no import Method", f"except ImportError: {OTHER}", body=WHOLE),
        False,
    ),
    "one of all": (mine("LinearMethod", "from bench.methods.api import *", body=TRAINED), True),
    "another's class": (mine("LinearMethod, ABC", "from abc import ABC", LINEAR, body=TRAINED), True),
}
"""The same, told by the class alone."""

Only = Callable[[str], methods.MethodInfo]


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Only]:
    """A function from a plain file's text to the listing of the method "Mine" in it."""
    monkeypatch.setattr(methods, "_folders", [])

    def write(text: str) -> methods.MethodInfo:
        (tmp_path / "mine.py").write_text(text)
        methods.add_folders([tmp_path])
        return methods.info("Mine")

    methods.infos.cache_clear()
    yield write
    methods.infos.cache_clear()


def agrees(info: methods.MethodInfo, gradient: bool) -> None:
    """The listing, the class, the check and the fitting function all say the same."""
    assert info.gradient is gradient
    assert issubclass(methods.method_class("Mine"), LinearMethod) is gradient
    assert fault("Mine") is None
    splits = {"train": random_split(30, 4, 3, seed=0)}
    data = Prepared(problem_of(splits["train"]), splits)
    points = [dict(info.defaults)]
    right, wrong = partial(fit_linear, protocol=Protocol(epochs=1)), fit_method
    if not gradient:
        right, wrong = wrong, right
    right("Mine", points, data, seed=0)
    with pytest.raises(TypeError, match=r"the method 'Mine' is (no|a) LinearMethod, so fit_"):
        wrong("Mine", points, data, seed=0)


@pytest.mark.parametrize("case", TOLD)
def test_bases_are_followed_without_importing(only: Only, case: str) -> None:
    text, gradient = TOLD[case]
    info = only(text)
    assert info.module not in sys.modules
    agrees(info, gradient)


@pytest.mark.parametrize("case", NOT_TOLD)
def test_what_the_source_does_not_tell_the_class_does(only: Only, case: str) -> None:
    text, gradient = NOT_TOLD[case]
    agrees(only(text), gradient)


def test_what_is_neither_is_refused(only: Only) -> None:
    with pytest.raises(methods.BrokenMethodError, match="registered for X, which is neither a LinearMethod nor a Meth"):
        only(mine(""))


SHARED = f"""
{LINEAR}
class First(LinearMethod):
    shared_defaults = {{"a": 1.0, "b": 1.0}}
class Second(First): pass
class Third(First):
    shared_defaults = {{"a": 3.0}}
"""


def test_shared_defaults_come_in_the_order_of_the_classes(only: Only) -> None:
    """Python's own order: Second has none of its own, and its base comes after Third."""
    info = only(mine("Second, Third", SHARED, options=", c=2"))
    assert info.module not in sys.modules
    assert info.defaults == {"a": 3.0, "c": 2}
    assert methods.method_class("Mine").shared_defaults == {"a": 3.0}


def test_shared_defaults_that_are_computed_are_those_of_the_class(only: Only) -> None:
    computed = mine("First", SHARED, body="\n    shared_defaults = {**First.shared_defaults, 'd': 4}")
    assert only(computed).defaults == {"a": 1.0, "b": 1.0, "d": 4}


@pytest.mark.parametrize(("kind", "body"), [("Method", WHOLE), ("LinearMethod", TRAINED)])
@pytest.mark.parametrize(
    ("bases", "imported"),
    [
        ("from bench.methods.api import {kind}", "from .bases import Base"),
        ("from .deeper.end import {kind}", "from {package} import bases\nBase = bases.Base"),
        ("from .deeper import {kind}", "import {package}.bases as b\nBase = b.Base"),
    ],
)
def test_a_plugins_base_in_another_of_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, body: str, bases: str, imported: str
) -> None:
    package = tmp_path.name.replace("-", "_")
    folder = tmp_path / package
    (folder / "deeper").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "deeper/__init__.py").write_text("from .end import Method, LinearMethod\n")
    (folder / "deeper/end.py").write_text("from bench.methods.api import LinearMethod, Method\n")
    (folder / "bases.py").write_text(f"{bases.format(kind=kind)}\nclass Base({kind}):{body}")
    (folder / "mine.py").write_text(mine("Base", imported.format(package=package)))
    monkeypatch.syspath_prepend(tmp_path)
    entry = metadata.EntryPoint("Mine", f"{package}.mine", methods.ENTRY_POINT_GROUP)
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry])
    methods.infos.cache_clear()
    try:
        info = methods.info("Mine")
        assert package not in sys.modules
        agrees(info, kind == "LinearMethod")
    finally:
        methods.infos.cache_clear()


def test_two_files_may_register_a_name_and_the_first_has_it(only: Only, tmp_path: Path) -> None:
    """The other is refused in a sentence, also where it has been imported."""
    text = mine("api.Method", API, body=WHOLE)
    (tmp_path / "other.py").write_text(text + text.replace("Mine", "BCE").replace("X", "Y"))
    info = only(mine("LinearMethod", LINEAR, body=TRAINED))
    other = methods.infos()[f"Mine ({tmp_path / 'other.py'})"]
    assert other.problems == (
        f"other.py: the name 'Mine' is already taken ({tmp_path / 'mine.py'}); give the method another one",
    )
    declarations.imported(other)
    agrees(info, True)
    assert methods.method_class("BCE").__module__ == "bench.methods.bce"


def test_an_estimator_knows_the_folders_of_bench_toml(
    only: Only, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/mine.py").write_text(TOLD["dotted, linear"][0])
    (tmp_path / "bench.toml").write_text('method_folders = "own"\n')
    monkeypatch.chdir(tmp_path)
    classifier = estimator("Mine")
    assert hasattr(classifier, "decision_function")
    train = random_split(30, 4, 3, seed=0)
    assert classifier.fit(train.x.numpy(), train.y.numpy()).predict(train.x.numpy()).shape == (30, 3)


def _known(number: int) -> tuple[Path, ...]:
    return methods.folders()


@pytest.mark.parametrize("forked", [True, False])
def test_worker_processes_know_the_folders(only: Only, tmp_path: Path, forked: bool) -> None:
    methods.add_folders([tmp_path])
    assert side_by_side(_known, 2, 2, forked=forked) == [(tmp_path,)] * 2


def test_the_built_in_folder_is_not_read_twice(only: Only) -> None:
    before = list(methods.infos())
    methods.add_folders([Path(methods.__file__).parent.resolve()])
    assert list(methods.infos()) == before


def test_a_name_that_two_built_in_files_register_is_the_only_one_that_cannot_be_used(
    only: Only, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "_HERE", tmp_path)
    for name, text in (("a", "Mine"), ("b", "Mine"), ("c", "Other")):
        (tmp_path / f"{name}.py").write_text(mine("api.Method", API, body=WHOLE).replace("Mine", text))
    methods.infos.cache_clear()
    assert methods.names() == ["Other"]
    with pytest.raises(methods.BrokenMethodError, match=r"'Mine' is registered twice: in .*a\.py and .*b\.py"):
        methods.info("Mine")


def test_an_option_too_large_for_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="a whole number is too large"):
        methods.options("FL", {"gamma": 2.0}, {"gamma": 10**400})
