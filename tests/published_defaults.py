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
PYLDL_CONLE = "SpriteMisaka/PyLDL, ConLE; the authors' code was not found"
LIBLE = "Zheng et al., CVPR 2023 (qinghai-zheng/LIBLE)"
LEIC = "Lu et al., IJCAI 2023 (Yunan-Lu/LEIC)"
SMILE = "Xu et al., NeurIPS 2022 (palm-ml/smile)"
KIM = "Kim et al., CVPR 2022 (snucml/LargeLossMatters)"
LARGE_LOSS = ("LL-R", "LL-Ct", "LL-Cp")
AMSVR = "palm-ml/LEVI, amsvr.m"
ASL = "Ridnik et al., ICCV 2021 (Alibaba-MIIL/ASL)"
APL = "Huang et al., ICASSP 2023 (LUMIA-Group/APL)"
HILL = "Zhang et al., arXiv 2021 (xinyu1205/robust-loss-mlml)"
OURS = "ours: no source gives one"
READ = "Read et al., Machine Learning 2011"
LIN = "Lin and Lin, CIKM 2023 (ASUS-AICS/LibMultiLabel, train_thresholding)"
ZHOU_CODE = "Zhou et al., ECCV 2022 (Correr-Zhou/SPML-AckTheUnknown)"
DEMSAR = "Demšar, JMLR 2006"
SCIKIT = "scikit-learn 1.9.1's default"

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
ASYMMETRIC_OPTIONS = [
    ("gamma_positive", 0.0, f"{ASL}, train.py; its class has 1"),
    ("gamma_negative", 4.0, ASL),
    ("probability_margin", 0.05, ASL),
]
POLYNOMIAL_OPTIONS = [
    ("gamma_positive", 0.0, APL),
    ("gamma_negative", 4.0, APL),
    ("probability_margin", 0.05, APL),
    ("positive_linear", 1.0, f"{APL}: the first epsilon of the positives"),
    ("positive_quadratic", -2.5, f"{APL}: the second epsilon of the positives"),
    ("negative_linear", 0.0, f"{APL}: the epsilon of the negatives"),
]
FORESTS = ("RF", "BR-RF")
TWO_STAGE = ("FCM", "KM", "LP", "ML", "GLLE", "LEVI", "VALEN", "LIBLE", "ConLE", "LEIC", "SMILE")
FLEM_NAMES = ("FLEM-S", "FLEM-T", "FLEM-D", "FLEM-I", "FLEM-II")

WITHOUT_OPTIONS = ("BCE", "BS", "Prototypes")
KOBAYASHI = "Kobayashi, CVPR 2023 (tk1980/TwoWayMultiLabelLoss, utils/criterion.py)"
COLE = "Cole et al., CVPR 2021 (elijahcole/single-positive-multi-label, losses.py)"
SMOOTHING_GRID = [0.05, 0.1]


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
    *[Default(name, *row) for name in ("ASL", "ASL .8") for row in ASYMMETRIC_OPTIONS],
    *[Default(name, *row) for name in ("APL", "APL .8") for row in POLYNOMIAL_OPTIONS],
    Default("Hill", "gamma", 2.0, HILL),
    Default("Hill", "margin", 1.0, HILL),
    Default("Hill", "negative_offset", 1.5, f"{HILL}: lambda"),
    Default("SPLC", "gamma", 2.0, HILL),
    Default("SPLC", "margin", 1.0, HILL),
    Default("SPLC", "threshold", 0.6, f"{HILL}: tau"),
    Default("SPLC", "change_epoch", 2, f"{HILL}: 1, of epochs that count from 0"),
    # Two-way loss, label smoothing, assume negative, expected positives.
    Default("Two-way", "positive_temperature", 4.0, KOBAYASHI),
    Default("Two-way", "negative_temperature", 1.0, KOBAYASHI),
    *[Default(name, "smoothing", 0.1, COLE) for name in ("BCE-LS", "AN-LS")],
    *[Default(name, "epsilon", 1e-5, COLE) for name in ("BCE-LS", "AN-LS", "WAN", "IU", "EPR")],
    Default("EPR", "positives_per_row", None, "ours: validation's; Cole et al. count the training rows' whole labels"),
    # ROLE, large loss.
    Default("ROLE", "epsilon", 1e-5, COLE),
    Default("ROLE", "positives_per_row", None, f"{COLE}: labels per row, here of the validation rows"),
    *[Default(name, "delta", 0.002, f"{KIM}: of .1 to .5 percent") for name in LARGE_LOSS],
    # Entropy maximisation.
    *[Default(name, "alpha", None, "by data set: see alpha below") for name in ("EM", "EM+APL")],
    *[Default(name, "epsilon", 1e-5, ZHOU_CODE) for name in ("EM", "EM+APL")],
    Default("EM+APL", "beta", None, "by data set: see beta below"),
    Default("EM+APL", "warm_up", None, "by data set: see warm_up below"),
    Default("EM+APL", "negative_share", 0.9, f"{ZHOU_CODE}: theta"),
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
    Default("RF", "trees", 200, "ours: no source gives one for a forest of all labels"),
    *[Default(name, "min_samples_leaf", 2, "ours: leaves of one row give many equal scores") for name in FORESTS],
    Default("BR-RF", "trees", 100, SCIKIT),
    Default("HGB", "learning_rate", 0.1, SCIKIT),
    Default("HGB", "iterations", 100, SCIKIT),
    Default("HGB", "leaves", 31, f"{SCIKIT}; LightGBM's (Ke et al., NeurIPS 2017)"),
    Default("HGB", "min_samples_leaf", 20, f"{SCIKIT}; LightGBM's (Ke et al., NeurIPS 2017)"),
    Default("HGB", "l2", 0.0, SCIKIT),
    Default("BRkNN", "k", 10, "tsoumakas/mulan, BRkNN.java"),
    # LIBLE, ConLE.
    Default("LIBLE", "hidden", 256, LIBLE),
    Default("LIBLE", "kl_weight", 1.0, f"{LIBLE}: kappa_1 of SJAFFE; 10 on Yeast_alpha"),
    Default("LIBLE", "gap_weight", 0.001, f"{LIBLE}: kappa_2 of SJAFFE; 1 on Yeast_alpha"),
    Default("LIBLE", "pretraining_epochs", 200, LIBLE),
    Default("LIBLE", "pretraining_rate", 0.005, LIBLE),
    Default("LIBLE", "epochs", 100, LIBLE),
    Default("LIBLE", "rate", 0.001, LIBLE),
    Default("LIBLE", "batch_size", 128, LIBLE),
    Default("LIBLE", "official", False, "ours: the release's z leaves sigma out, and its degrees are a random draw"),
    Default("ConLE", "hidden", 64, PYLDL_CONLE),
    Default("ConLE", "temperature", 0.5, PYLDL_CONLE),
    Default("ConLE", "distance_weight", 0.001, f"{PYLDL_CONLE}: alpha, of a sum over the rows there"),
    Default("ConLE", "margin_weight", 0.001, f"{PYLDL_CONLE}: beta"),
    Default("ConLE", "margin", 0.05, PYLDL_CONLE),
    Default("ConLE", "epochs", 30, "ours: the protocol's; PyLDL trains for 1000 full batches"),
    Default("ConLE", "batch_size", 128, "ours: as LEVI's and LIBLE's; PyLDL trains on full batches"),
    # LEIC, SMILE.
    Default("LEIC", "strength", 4.0, f"{LEIC}: lambda; 0 to 10 by data set"),
    Default("LEIC", "latent", 64, f"{LEIC}; 64, 128 or 256 by data set"),
    Default("LEIC", "neighbours", 20, LEIC),
    Default("LEIC", "epochs", 100, "ours: the authors choose 10 to 480 steps by data set"),
    Default("SMILE", "neighbours", 3, SMILE),
    Default("SMILE", "reconstruction_weight", 0.001, f"{SMILE}: gamma"),
    Default("SMILE", "kl_weight", 1.0, f"{SMILE}: delta"),
    Default("SMILE", "official", False, "ours: the release's divergence is none"),
    Default("SMILE", "epochs", 25, f"{SMILE}; its README's commands have 10"),
    Default("SMILE", "batch_size", 16, SMILE),
]

GRIDS: dict[str, tuple[dict[str, list[float]], str]] = {
    **dict.fromkeys(
        ("APL", "APL .8"),
        (
            {"positive_linear": [0.0, 1.0], "positive_quadratic": [-2.5, 0.0]},
            "ours: with and without each term, which the paper sets by task",
        ),
    ),
    **dict.fromkeys(
        ("FLEM-S", "FLEM-T", "FLEM-D"),
        ({"alpha": GRID_OF_FOUR, "beta": GRID_OF_FOUR}, f"{FLEM}, section 4.2"),
    ),
    "FLEM-II": ({"beta": GRID_OF_FOUR}, f"{FLEM}, section 4.2"),
    "SVM": ({"cost": [0.00001, 0.0001, 0.001, 0.01, 0.1]}, "ours: decades around where validation chooses"),
    **dict.fromkeys(
        ("BCE-LS", "AN-LS"), ({"smoothing": SMOOTHING_GRID}, f"{COLE} has .1, which its paper halves for two classes")
    ),
    **dict.fromkeys(LARGE_LOSS, ({"delta": [0.001, 0.002, 0.003, 0.004, 0.005]}, f"{KIM}: .1 to .5 percent")),
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
ENTROPY = [
    *[Constant("EM", f"alpha on {name}", 0.2, ZHOU_CODE) for name in ("VOC07", "VOC12")],
    *[Constant("EM", f"alpha on {name}", 0.1, ZHOU_CODE) for name in ("COCO14", "COCO17", "NUS")],
    Constant("EM", "alpha on CUB", 0.01, ZHOU_CODE),
    Constant("EM", "alpha on yeast", 0.1, f"{OURS}; COCO's and NUS's"),
    *[Constant("EM+APL", f"beta on {name}", 0.02, ZHOU_CODE) for name in ("VOC07", "VOC12")],
    *[Constant("EM+APL", f"beta on {name}", 0.9, ZHOU_CODE) for name in ("COCO14", "COCO17")],
    Constant("EM+APL", "beta on NUS", 0.2, ZHOU_CODE),
    Constant("EM+APL", "beta on CUB", 0.4, ZHOU_CODE),
    Constant("EM+APL", "beta on yeast", 0.2, f"{OURS}; NUS's"),
    *[
        Constant("EM+APL", f"warm_up on {name}", 0.5, f"{ZHOU_CODE}: five epochs of ten")
        for name in ("VOC07", "VOC12", "COCO14", "COCO17")
    ],
    Constant("EM+APL", "warm_up on NUS", 0.4, f"{ZHOU_CODE}: four epochs of ten"),
    Constant("EM+APL", "warm_up on CUB", 0.3, f"{ZHOU_CODE}: three epochs of ten"),
    Constant("EM+APL", "warm_up on yeast", 0.5, f"{OURS}; VOC's and COCO's"),
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
    Constant("ASL .8", "threshold of its logits", 1.3862943611198906, f"{ASL}: --thre .8, of probabilities"),
    Constant("APL .8", "threshold of its logits", 1.3862943611198906, "ours: ASL's"),
    Constant("ASL and APL", "least probability in the logarithm", 1e-8, f"{ASL}; {APL}"),
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
    Constant("ROLE", "first estimates of known labels", (0.005, 0.995), f"{COLE}, models.py"),
    Constant("ROLE", "bounds of the first estimates of unknown labels", (0.4, 0.6), f"{COLE}, models.py"),
    Constant("ROLE", "learning rate of the estimates, to the classifier's", 10.0, f"{COLE}, train.py: lr_mult"),
    Constant("large loss", "epochs that delta is given for", 10, f"{KIM}: its trainings' length"),
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
    Constant("LIBLE", "width before the outputs of the degrees and the gap", 128, LIBLE),
    Constant("LIBLE", "decay of the learning rate, and epochs to the next", (0.9, 20), f"{LIBLE}: batches there"),
    Constant("LIBLE", "least |g|", 0.01, "ours: log |g| has no minimum"),
    Constant("ConLE", "slope of the leaky units", 0.01, PYLDL_CONLE),
    Constant("ConLE", "least norm in the cosine", 1e-12, "ours: a zero vector is 0/0"),
    Constant("LEIC", "clusters of 4 labels", 5, f"{LEIC}: c + 1"),
    Constant("LEIC", "least standard deviation and least concentration", 1e-4, LEIC),
    Constant("LEIC", "initial standard deviation of a graph convolution times sqrt(3 outputs)", 1.0, LEIC),
    Constant("LEIC", "rows at most", 10_000, "ours: several matrices of all pairs of rows"),
    Constant("SMILE", "addition to the probability in the logarithms", 1e-5, SMILE),
    Constant("SMILE", "addition to both parameters of the divergence", 1e-6, SMILE),
    Constant("KM", "addition to the largest squared distance", 1e-7, PYLDL),
    Constant("RF and BR-RF", "features tried at each split of 100", 10, f"{SCIKIT}: the root"),
    Constant("RF and BR-RF", "threshold of the score", 0.5, "Breiman, Machine Learning 2001: the majority"),
    Constant("HGB", "share of the rows held out of 10001", 0.0, "ours: all rows train; scikit-learn's is .1"),
    Constant("HGB", "bins of a feature", 255, SCIKIT),
    Constant("BRkNN", "threshold of the share", 0.5, "Spyromitros et al., SETN 2008: the majority"),
    Constant("Prototypes", "threshold of the logit", 0.0, "Snell et al., NeurIPS 2017, eq. 2: the nearer prototype"),
    Constant("Prototypes", "score of a label without positives", -4.0, "ours: the bound of the score"),
    Constant("GLLE", "kernel at the mean distance", 0.6065306597126334, f"{GLLE}: exp(-1/2)"),
    Constant("WAN", "weight of an unknown label among 5", 0.25, f"{COLE}: 1 / (c - 1)"),
    Constant("WAN", "weight of an unknown label where there is one", 1.0, "ours: 1 / (c - 1) has no value"),
    Constant("Two-way", "loss of a batch without positives", 0.0, "ours: the released code has NaN"),
    Constant("Two-way", "loss of a full row", 0.0, f"{KOBAYASHI}: a sum of none, there e^-100"),
    Constant("EM", "threshold of its logits", 1.0986122886681098, f"{ZHOU_CODE}: a probability of .75"),
    Constant("EM+APL", "threshold of its logits", 1.0986122886681098, f"{ZHOU_CODE}: a probability of .75"),
    *MU,
    *LAMBDA,
    *ENTROPY,
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
        "l2": (0.0, f"{FLEM_TEMPLATE}: it has AdamW's decay alone"),
    },
    "small": {
        "minimum_steps": (2000, "ours: 30 epochs do not train small sets"),
        "scaling": ("minmax", "ours: standardising ruins sparse sets"),
    },
    "converged": {
        "epochs": (8, "ours: 5000 steps are fewer on the largest sets"),
        "minimum_steps": (5000, "ours: with learning rates to 3e-2 (docs/results/convergence.md)"),
        "learning_rate": (0.01, "ours: in the middle of what is searched"),
        "scaling": ("minmax", "ours: standardising ruins sparse sets"),
        "also_select": (("average-precision", "ranking", "coverage"), "ours: each of the paper's metrics by itself"),
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
