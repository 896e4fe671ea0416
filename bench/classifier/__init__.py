"""Every method as a scikit-learn classifier, saved and loaded without code in the file: ``bench.estimator("FLEM-D")``.

``estimator.py`` is what scikit-learn sees, ``training.py`` trains a row of a table on arrays as its job does,
``model.py`` is what was trained, ``labels.py`` reads labels in their many forms, ``rows.py`` finds the row.
"""

from bench.classifier.estimator import MultiLabelClassifier, load

__all__ = ["MultiLabelClassifier", "load"]
