"""The peers: their packages with licence and source, the method of ours that each is measured beside, and on what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A distribution that pip installs, or of Java one that Maven does; versions are pinned."""

    pin: str
    licence: str
    source: str
    maven: bool = False


PACKAGES = {
    "torch": Package("torch==2.13.0", "BSD-3-Clause", "https://github.com/pytorch/pytorch"),
    "scikit-learn": Package("scikit-learn==1.9.1", "BSD-3-Clause", "https://github.com/scikit-learn/scikit-learn"),
    "scikit-multilearn-ng": Package(
        "scikit-multilearn-ng==0.0.8", "BSD-2-Clause", "https://github.com/scikit-multilearn-ng/scikit-multilearn-ng"
    ),
    "LibMultiLabel": Package("libmultilabel==0.10.0", "MIT", "https://github.com/ASUS-AICS/LibMultiLabel"),
    "PyLDL": Package("python-ldl==0.1.2", "MIT", "https://github.com/SpriteMisaka/PyLDL"),
    "MEKA": Package("net.sf.meka:meka:1.9.8", "GPL-3.0", "https://github.com/Waikato/meka", maven=True),
}


@dataclass(frozen=True)
class Peer:
    """One line of the table for each data set."""

    what: str
    packages: tuple[str, ...]
    ours: str
    datasets: tuple[str, ...]
    threads: str = "one, and BLAS one a core"
    """By default; both sides are given one."""
    threshold: float = 0.5
    """A label is predicted where the peer's score exceeds it."""
    iterative: bool = False
    """True: both sides have curves, of which the seconds to equal quality are read."""
    module: str = "perf.peers.theirs"


LARGE = ("yeast", "VOC07tv", "Reuters")
SMALL = ("yeast", "scene")
DISTRIBUTIONS = ("SJAFFE", "Natural_Scene")
NG = ("scikit-multilearn-ng",)
JAVA = "one, and the collector's"

PEERS = {
    "pytorch": Peer("plain PyTorch, one linear layer", ("torch",), "BCE", LARGE, "one a core", 0.0, True),
    "sklearn-logistic": Peer(
        "scikit-learn, OneVsRestClassifier of LogisticRegression", ("scikit-learn",), "BCE", LARGE, threshold=0.0,
        iterative=True,
    ),
    "libmultilabel-logistic": Peer(
        "LibMultiLabel, one-vs-rest logistic regression", ("LibMultiLabel",), "BCE", LARGE, "one a physical core", 0.0,
        True,
    ),
    "libmultilabel-svm": Peer(
        "LibMultiLabel, its default, one-vs-rest SVM", ("LibMultiLabel",), "SVM", LARGE, "one a physical core", 0.0
    ),
    "skmultilearn-mlknn": Peer("scikit-multilearn-ng, MLkNN", NG, "ML-KNN", LARGE),
    "skmultilearn-brknn": Peer("scikit-multilearn-ng, BRkNNaClassifier", NG, "BRkNN", LARGE),
    "skmultilearn-rakeld": Peer("scikit-multilearn-ng, RakelD of GaussianNB", NG, "RAKEL", LARGE),
    "skmultilearn-rakelo": Peer("scikit-multilearn-ng, RakelO of LogisticRegression", NG, "RAkELo", SMALL),
    "sklearn-br": Peer(
        "scikit-learn, OneVsRestClassifier of LogisticRegression", ("scikit-learn",), "BR", ("yeast", "VOC07tv"),
        threshold=0.0,
    ),
    "sklearn-chain": Peer("scikit-learn, ClassifierChain of LogisticRegression", ("scikit-learn",), "CC", SMALL),
    "sklearn-forest": Peer(
        "scikit-learn, MultiOutputClassifier of RandomForestClassifier", ("scikit-learn",), "BR-RF", SMALL
    ),
    "pyldl-lp": Peer("PyLDL, LP", ("torch", "PyLDL"), "LP", DISTRIBUTIONS),
    "pyldl-glle": Peer("PyLDL, GLLE", ("torch", "PyLDL"), "GLLE", DISTRIBUTIONS, "one a core"),
    "meka-br": Peer("MEKA, BR of Logistic", ("MEKA",), "BR", SMALL, JAVA),
    "meka-rakel": Peer("MEKA, RAkEL of Logistic", ("MEKA",), "RAkELo", SMALL, JAVA),
}  # fmt: skip
"""{name on the command line: peer}, in the order of the page."""
