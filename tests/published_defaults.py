"""Published defaults as data: every option of every method, every constant that is no option, and the protocol.

Values are typed from the sources named beside them, never imported from the code that is tested against them
(``tests/methods/test_published_defaults.py``, ``tests/bench/test_published_constants.py``). "Ours" marks a value that
no source gives.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Default(NamedTuple):
    """An option of a registered method."""

    method: str
    option: str
    value: Any
    source: str


class Constant(NamedTuple):
    """A number that is no option."""

    where: str
    name: str
    value: Any
    source: str


FLEM = "Zhao et al., IJCAI 2022"
FLEM_CODE = "ailearn-ml/FLEM, methods/flem.py"
FLEM_TEMPLATE = "ailearn-ml/FLEM, methods/template.py"
FOCAL = "Lin et al., TPAMI 2020"
HUANG = "Huang et al., EMNLP 2021 (Roche/BalancedLossNLP, util_loss.py)"
CUI = "Cui et al., CVPR 2019"
WU = "Wu et al., ECCV 2020"
WU_VOC = "Wu et al., ECCV 2020 (DistributionBalancedLoss, configs/voc)"
WU_COCO = "Wu et al., ECCV 2020 (DistributionBalancedLoss, configs/coco)"
REUTERS = "Huang et al., EMNLP 2021 (BalancedLossNLP, Reuters)"
LEVI_TPAMI = "Xu et al., TPAMI 2023 (palm-ml/LEVI, LEVI-MLP, classification)"
LEVI_BOTH = "palm-ml/VLE and palm-ml/LEVI"
VALEN = "Xu et al., NeurIPS 2021 (palm-ml/valen, released conference code)"
ZHANG = "Zhang and Zhou, Pattern Recognition 2007"
TSOUMAKAS = "Tsoumakas et al., TKDE 2011"
GLLE = "Xu, Tao, Geng, IJCAI 2018 (palm-ml/GLLE)"
PYLDL = "PyLDL 0.1.2"
AMSVR = "palm-ml/LEVI, amsvr.m"
OURS = "ours: no source gives one"
READ = "Read et al., Machine Learning 2011"
LIN = "Lin and Lin, CIKM 2023 (ASUS-AICS/LibMultiLabel, train_thresholding)"
DEMSAR = "Demšar, JMLR 2006"

GRID_OF_FOUR = [0.0001, 0.001, 0.01, 0.1]
MIX_GRID = [0.1, 0.3, 0.5, 1.0]

SECOND_STAGE = [
    ("mix", 1.0, "ours: the grid's largest"),
    ("predictor", "soft-bce", "ours: the paper trains linear classifiers (section 4.2) and does not say on what loss"),
    ("penalty", 0.1, f"{AMSVR}, one of its C2"),
    ("tolerance", 0.001, f"{AMSVR}, epsilon"),
]
FLEM_OPTIONS = [
    ("gamma_positive", 0.0, f"{FLEM_CODE}; eq. 7 gives none"),
    ("gamma_negative", 1.0, f"{FLEM_CODE}; eq. 7 gives none"),
    ("threshold", 0.0, f"{FLEM_CODE}; epsilon of eq. 5"),
    ("interaction", "official", f"{FLEM_CODE} since June 2022"),
    ("hidden", 128, FLEM_CODE),
]
CHAINS = ("CC", "ECC")
TWO_STAGE = ("FCM", "KM", "LP", "ML", "GLLE", "LEVI", "VALEN")
FLEM_NAMES = ("FLEM-S", "FLEM-T", "FLEM-D", "FLEM-I", "FLEM-II")

WITHOUT_OPTIONS = ("BCE", "BS")

DEFAULTS = [
    Default("FL", "gamma", 2.0, FOCAL),
    Default("FL", "positive_weight", 0.5, HUANG),
    Default("FL", "negative_weight", 0.5, HUANG),
    Default("CB", "beta", 0.9999, f"{CUI}, section 5; the largest tried, for at .9 a class of 100 rows has no weight"),
    Default("CB", "gamma", 2.0, FOCAL),
    Default("CB", "factor", 0.5, HUANG),
    Default("CB", "mode", "by_class", HUANG),
    Default("CB", "normalise", True, f"{CUI}, section 4: the weights sum to the number of classes"),
    Default("R-FL", "alpha", 0.1, f"{WU}, section 3.1"),
    Default("R-FL", "beta", 10.0, f"{WU}, section 3.1"),
    Default("R-FL", "mu", None, "by data set: see mu below"),
    Default("R-FL", "gamma", 2.0, FOCAL),
    Default("R-FL", "factor", 0.5, HUANG),
    Default("DB", "alpha", 0.1, f"{WU}, section 3.1"),
    Default("DB", "beta", 10.0, f"{WU}, section 3.1"),
    Default("DB", "mu", None, "by data set: see mu below"),
    Default("DB", "kappa", 0.05, f"{WU}, section 3.2"),
    Default("DB", "negative_scale", None, "by data set: see lambda below"),
    Default("DB", "gamma", 2.0, FOCAL),
    Default("DB", "factor", 0.5, HUANG),
    Default("DB", "reweight", True, f"{WU}, eq. 9"),
    Default(
        "DB", "released_bias", False, f"{WU}, eq. 9; the released code's division is called a mistake by its author"
    ),
    Default("FLEM-S", "strategy", "similarity", f"{FLEM}, eqs. 2-4"),
    Default("FLEM-T", "strategy", "threshold", f"{FLEM}, eq. 5"),
    Default("FLEM-D", "strategy", "distribution", f"{FLEM}, eq. 6"),
    Default("FLEM-I", "strategy", "distribution", f"{FLEM}, Table 6: the rows beside FLEM-D"),
    Default("FLEM-II", "strategy", "distribution", f"{FLEM}, Table 6: the rows beside FLEM-D"),
    *[Default(name, "alpha", 0.001, "ailearn-ml/FLEM, run_flem.py") for name in ("FLEM-S", "FLEM-T", "FLEM-D")],
    *[Default(name, "beta", 0.001, "ailearn-ml/FLEM, run_flem.py") for name in ("FLEM-S", "FLEM-T", "FLEM-D")],
    Default("FLEM-I", "alpha", 0.001, "ailearn-ml/FLEM, run_flem.py"),
    Default("FLEM-I", "beta", 0.0, f"{FLEM}, Table 6: without the label distribution loss"),
    Default("FLEM-II", "alpha", 1.0, f"{FLEM}, Table 6: without the interaction loss"),
    Default("FLEM-II", "beta", 0.001, "ailearn-ml/FLEM, run_flem.py"),
    *[Default(name, *row) for name in FLEM_NAMES for row in FLEM_OPTIONS],
    Default("ML-KNN", "k", 10, f"{ZHANG}, section 4"),
    Default("ML-KNN", "smoothing", 1.0, f"{ZHANG}, section 3: Laplace smoothing"),
    Default("RAKEL", "k", 3, f"{TSOUMAKAS}, section 4"),
    Default("RAKEL", "variant", "disjoint", "ours: the paper does not say which"),
    Default("RAkELo", "k", 3, f"{TSOUMAKAS}, section 4"),
    Default("RAkELo", "variant", "overlapping", TSOUMAKAS),
    Default("RAkELo", "base", "logistic", "ours: the usual base learner of binary relevance"),
    Default("RAKEL", "base", "gaussian_nb", "ours: the paper does not say which; scikit-multilearn's example"),
    Default("LEVI", "hidden", 500, LEVI_TPAMI),
    Default("LEVI", "latent", 0, f"{LEVI_TPAMI}: max(200, c), which 0 stands for"),
    Default("LEVI", "kl_weight", 0.01, f"{LEVI_TPAMI}: a"),
    Default("LEVI", "reconstruction_weight", 0.01, f"{LEVI_TPAMI}: b"),
    Default("LEVI", "dropout", 0.1, LEVI_BOTH),
    Default("LEVI", "x_output", "linear", LEVI_TPAMI),
    Default("LEVI", "epochs", 30, "ours: the protocol's; the authors train for 200 full batches"),
    Default("LEVI", "batch_size", 128, "palm-ml/VLE"),
    Default("LEVI", "decay", 1e-5, LEVI_BOTH),
    Default("VALEN", "hidden", 512, "ours: a bound on the decoder's width, which is D in the released code"),
    Default("VALEN", "neighbours", 3, VALEN),
    Default("VALEN", "reconstruction_weight", 0.01, f"{VALEN}: w_x is 1 or .01 there"),
    Default("VALEN", "label_weight", 0.01, VALEN),
    Default("VALEN", "graph_weight", 1.0, VALEN),
    Default("VALEN", "kl_weight", 0.01, f"{VALEN}: beta of the real-world sets"),
    Default("VALEN", "target_weight", 20.0, f"{VALEN}: gamma of the real-world sets"),
    Default("VALEN", "epochs", 30, "ours: the protocol's"),
    Default("VALEN", "batch_size", 64, "ours: the protocol's"),
    Default("FCM", "clusters", 50, PYLDL),
    Default("FCM", "fuzziness", 2.0, PYLDL),
    Default("FCM", "iterations", 10000, PYLDL),
    Default("FCM", "change", 1e-7, PYLDL),
    Default("LP", "balance", 0.5, PYLDL),
    Default("LP", "iterations", 500, PYLDL),
    Default("ML", "regularisation", 0.001, "scikit-learn's barycenter_kneighbors_graph, which PyLDL 0.1.2 calls"),
    Default("ML", "ridge", 1e-5, PYLDL),
    Default("ML", "iterations", 5000, "ours: enough for the quadratic programme that PyLDL solves exactly"),
    Default("GLLE", "smoothness", 0.01, f"{GLLE}: lambda"),
    Default("GLLE", "neighbours", 20, GLLE),
    Default("GLLE", "heat_width", 10.0, f"{GLLE}: sigma of the heat kernel"),
    Default("GLLE", "iterations", 300, GLLE),
    *[Default(name, *row) for name in TWO_STAGE for row in SECOND_STAGE],
    # Losses on wholly known labels, which the paper does not compare.
    #
    #
    # Two-way loss, label smoothing, assume negative, expected positives.
    #
    #
    # ROLE, large loss.
    #
    #
    # Entropy maximisation.
    #
    #
    # Problem transformation.
    Default("BR", "base", "logistic", "ours: the usual base learner; Boutell et al. have support vector machines"),
    *[Default(name, "base", "logistic", "ours: as BR; Read et al. have support vector machines") for name in CHAINS],
    *[Default(name, "cost", 1.0, "scikit-learn, LogisticRegression: C") for name in ("BR", *CHAINS)],
    *[Default(name, "votes", False, "Mulan, EnsembleOfClassifierChains: useConfidences") for name in CHAINS],
    Default("CC", "chains", 1, READ),
    Default("CC", "order", "given", "Mulan, MEKA and scikit-learn: their chains' default"),
    Default("CC", "samples", "all", READ),
    Default("ECC", "chains", 10, f"{READ} (Mulan, EnsembleOfClassifierChains)"),
    Default("ECC", "order", "random", READ),
    Default("ECC", "samples", "bootstrap", "Mulan, EnsembleOfClassifierChains; 67 % without replacement in 2009"),
    *[Default(name, "cost", 1.0, "LIBLINEAR: C; the package's, too") for name in ("SVM", "SVM micromacro")],
    Default("SVM", "thresholds", "none", "LIBLINEAR predicts where the decision value exceeds 0"),
    Default("SVM micromacro", "thresholds", "micromacro", LIN),
    # Trees, neighbours, prototypes.
    #
    #
    # LIBLE, ConLE.
    #
    #
    # LEIC, SMILE.
    #
    #
]

GRIDS: dict[str, tuple[dict[str, list[float]], str]] = {
    **dict.fromkeys(
        ("FLEM-S", "FLEM-T", "FLEM-D"),
        ({"alpha": GRID_OF_FOUR, "beta": GRID_OF_FOUR}, f"{FLEM}, section 4.2"),
    ),
    "FLEM-II": ({"beta": GRID_OF_FOUR}, f"{FLEM}, section 4.2"),
    "SVM": ({"cost": [0.1, 1.0, 10.0]}, "ours: a decade either side of the package's"),
    **dict.fromkeys(TWO_STAGE, ({"mix": MIX_GRID}, "ours: from the labels almost alone to the degrees alone")),
}
"""Grids searched on validation data; methods that are not named have one point."""

MU = [
    Constant("R-FL and DB", "mu on VOC07", 0.3, WU_VOC),
    Constant("R-FL and DB", "mu on VOC12", 0.3, WU_VOC),
    Constant("R-FL and DB", "mu on COCO14", 0.2, WU_COCO),
    Constant("R-FL and DB", "mu on COCO17", 0.2, WU_COCO),
    Constant("R-FL and DB", "mu on Reuters", 0.9, REUTERS),
    *[Constant("R-FL and DB", f"mu on {name}", 0.2, OURS) for name in ("AAPD", "CUB", "NUS", "yeast")],
]
LAMBDA = [
    Constant("DB", "lambda on VOC07", 5.0, WU_VOC),
    Constant("DB", "lambda on VOC12", 5.0, WU_VOC),
    Constant("DB", "lambda on COCO14", 2.0, WU_COCO),
    Constant("DB", "lambda on COCO17", 2.0, WU_COCO),
    Constant("DB", "lambda on Reuters", 2.0, REUTERS),
    *[Constant("DB", f"lambda on {name}", 2.0, OURS) for name in ("AAPD", "CUB", "NUS", "yeast")],
]

CONSTANTS = [
    Constant(
        "every linear classifier", "initial standard deviation times sqrt(D)", 2**0.5, f"{FLEM_TEMPLATE}: Kaiming"
    ),
    Constant(
        "every linear classifier", "share of initial weights beyond two deviations", 0.0455, f"{FLEM_TEMPLATE}: normal"
    ),
    Constant("every linear classifier", "initial bias", 0.0, FLEM_TEMPLATE),
    Constant("every linear classifier", "threshold of its logits", 0.0, "ailearn-ml/FLEM, utils/metrics.py"),
    Constant("CB", "mean of the weights", 1.0, f"{CUI}, section 4"),
    Constant("CB", "least n_j", 1, "ours: n_j = 0 divides by zero"),
    Constant("CB", "weight of a row without positives, average_w", 1.0, "ours: the released code has NaN"),
    Constant("R-FL and DB", "least n_j of r", 1, "ours: n_j = 0 is 0/0"),
    Constant("R-FL and DB", "weight of a row without positives", 1.1, f"{WU}, eq. 5 at r = infinity: alpha + 1"),
    Constant("DB", "least n_j of the bias", 1, "ours: n_j = 0 has no logarithm"),
    Constant("DB", "least N - n_j of the bias", 1, "ours: n_j = N has no logarithm"),
    Constant("FLEM", "clamp of the probabilities in L_IN", 1e-7, FLEM_CODE),
    Constant("FLEM", "width of g", 128, FLEM_CODE),
    Constant("FLEM", "initial standard deviation of g times sqrt(fan-in)", 2**0.5, f"{FLEM_TEMPLATE}: Kaiming"),
    Constant("FLEM", "share of initial weights beyond two deviations", 0.0455, f"{FLEM_TEMPLATE}: normal"),
    Constant("FLEM", "slope of g's leaky units", 0.01, FLEM_CODE),
    Constant("FLEM", "epsilon of g's batch normalisation", 1e-5, f"{FLEM_CODE}: torch's default"),
    Constant("ML-KNN", "threshold of the posterior", 0.5, f"{ZHANG}, section 3"),
    Constant("ML-KNN", "prior of 3 positives in 11 rows", (1 + 3) / (2 + 11), f"{ZHANG}, section 3"),
    Constant("RAKEL", "threshold of the score", 0.5, f"{TSOUMAKAS}, section 3"),
    Constant("RAKEL", "overlapping sets of 7 labels", 14, f"{TSOUMAKAS}, section 4: 2c"),
    Constant("RAKEL", "variance added by naive Bayes", 1e-9, "scikit-learn's default"),
    Constant("BR and ECC", "threshold of the score", 0.5, READ),
    Constant("BR and ECC", "steps of logistic regression", 1000, "ours: scikit-learn's 100 are too few"),
    Constant("SVM", "threshold of the decision value", 0.0, "LIBLINEAR"),
    Constant("SVM", "iterations", 10000, "ours: scikit-learn's 1000 are too few at cost 10"),
    Constant("SVM", "size of the margin of a label of one class", 10.0, "ours: scikit-learn's 0 is above real ones"),
    Constant("SVM micromacro", "folds of a label's rows", 3, LIN),
    Constant("LEVI", "width of the encoder", 500, LEVI_TPAMI),
    Constant("LEVI", "latent size at 5 and at 230 labels", (200, 230), LEVI_TPAMI),
    Constant("LEVI", "initial standard deviation times sqrt((fan-in + fan-out)/2)", 1.0, f"{LEVI_BOTH}: Xavier normal"),
    Constant("LEVI", "share of initial weights beyond two deviations", 0.0455, f"{LEVI_BOTH}: Xavier normal"),
    Constant("LEVI", "initial bias", 0.01, LEVI_BOTH),
    Constant("LEVI", "least standard deviation of the posterior", 1e-8, LEVI_BOTH),
    Constant("LEVI", "addition to the variance in the KL's logarithm", 1e-12, LEVI_BOTH),
    Constant("VALEN", "bounds of alpha", (0.01, 30.0), VALEN),
    Constant("VALEN", "divisor in alpha's exponent", 4.0, VALEN),
    Constant("VALEN", "addition to the sampling concentration", 0.01, VALEN),
    Constant("VALEN", "addition in the cross-entropy's logarithm", 1e-12, VALEN),
    Constant("VALEN", "width of the decoder at 600 features", 512, OURS),
    Constant("KM", "addition to the largest squared distance", 1e-7, PYLDL),
    Constant("GLLE", "kernel at the mean distance", 0.6065306597126334, f"{GLLE}: exp(-1/2)"),
    *MU,
    *LAMBDA,
]

PROTOCOLS: dict[str, dict[str, tuple[Any, str]]] = {
    "paper": {
        "epochs": (30, f"{FLEM}, section 4.2"),
        "minimum_steps": (0, FLEM_TEMPLATE),
        "scaling": ("none", FLEM_TEMPLATE),
        "batch_size": (64, FLEM_TEMPLATE),
        "learning_rate": (0.001, f"{FLEM}, section 4.2"),
        "betas": ((0.9, 0.999), f"{FLEM_TEMPLATE}: torch's default"),
        "eps": (1e-8, f"{FLEM_TEMPLATE}: torch's default"),
        "amsgrad": (True, f"{FLEM}, section 4.2"),
        "weight_decay": (0.0001, f"{FLEM}, section 4.2"),
        "fidelity": ("official", "ours: the printed tables come from the released code"),
        "clip": ("fidelity", f"{FLEM_TEMPLATE}; the paper does not mention it"),
        "selection": ("hamming", f"{FLEM}, section 4.2"),
        "stack": (8, OURS),
        "threads": (1, OURS),
        "precision": ("float32", f"{FLEM_TEMPLATE}: torch's default"),
        "also_select": ((), "none"),
        "patience": (0, f"{FLEM}, section 4.2: 30 epochs, whatever validation says"),
        "select_every": (1, f"{FLEM_TEMPLATE}: every epoch is validated"),
    },
    "small": {
        "minimum_steps": (2000, "ours: 30 epochs do not train small sets"),
        "scaling": ("minmax", "ours: standardising ruins sparse sets"),
    },
}
"""The protocols of bench.toml; "small" is "paper" where it says nothing else."""

BENCH_CONSTANTS = [
    Constant("official fidelity", "decay of biases", 0.01, f"{FLEM_TEMPLATE}: the bias group has AdamW's default"),
    Constant("paper fidelity", "decay of biases", 0.0, f'{FLEM}, section 4.2: "weight decay on weights"'),
    Constant("official fidelity", "clip", "joint", f"{FLEM_TEMPLATE}, clip_gradient"),
    Constant("paper fidelity", "clip", "none", FLEM),
    Constant("clipping", "steps before a norm is limited", 5, f"{FLEM_TEMPLATE}, clip_gradient"),
    Constant("clipping", "limit after norms of .2", 1.0, f"{FLEM_TEMPLATE}, clip_gradient: 5 times the largest"),
    Constant("clipping", "limit after norms of 100", 5.0, f"{FLEM_TEMPLATE}, clip_gradient: a norm counts 1 at most"),
    Constant(
        "clipping", "limit after norms of .2 and one of 100", 2.0, f"{FLEM_TEMPLATE}, clip_gradient: at most twice"
    ),
    Constant("selection", "Hamming loss that the first epoch has to beat", 1.0, FLEM_TEMPLATE),
    Constant("selection", "epoch kept of equal ones", 1, f"{FLEM_TEMPLATE}: strictly better"),
    Constant("selection", "grid point kept of equal ones", 0, "ours: the first"),
    Constant("splits", "share of rows, none given", (0.6, 0.2, 0.2), OURS),
    Constant("splits", "share of train that becomes val", 0.2, OURS),
    Constant("scaling", "a value below and one above the training range", (0.0, 1.0), "ours: clipped"),
    Constant("scaling", "a feature that is constant in train", 0.0, OURS),
    Constant("statistics", "level", 0.05, DEMSAR),
    Constant("statistics", "p of gains 0 0 0 -1 -2 3 4 5 6 7, Wilcoxon", 0.125, f"{DEMSAR}: zeros rank, and are split"),
    Constant("statistics", "q of Nemenyi for 2 methods", 1.960, f"{DEMSAR}, table 5a"),
    Constant("statistics", "q of Nemenyi for 5 methods", 2.728, f"{DEMSAR}, table 5a"),
    Constant("statistics", "q of Nemenyi for 10 methods", 3.164, f"{DEMSAR}, table 5a"),
    Constant("statistics", "weight of the prior's zero", 0.5, "Benavoli et al., JMLR 2017, section 4.2"),
    Constant("statistics", "least variance over seeds of gains that vary by 1, 2 and 9", 2.0, "ours: the median"),
    Constant("label distributions", "smallest degree in a quotient or logarithm", 2.220446049250313e-16, OURS),
]
