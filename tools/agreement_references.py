"""Computes measures of agreement of generated readings with established libraries, for the tests of annotation-service.

The libraries are no dependencies of the platform: irrCAC needs an older NumPy, krippendorff has another licence, and
scikit-learn and statsmodels take 310 MB. So their figures are kept in tests/annotation/agreement_references.json:

    python3 -m venv /tmp/references
    /tmp/references/bin/pip install irrCAC==0.4.4 krippendorff==0.9.0 scikit-learn==1.9.1 statsmodels==0.15.0
    /tmp/references/bin/python tools/agreement_references.py > tests/annotation/agreement_references.json
"""

import json
import sys
from typing import Any

import krippendorff
import numpy as np
import pandas as pd
from irrCAC.raw import CAC
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

SETS = 40
DIGITS = 12


def generated(seed: int) -> tuple[NDArray[np.float64], int]:
    """Readings, shape (images, doctors), NaN where one is missing, and the number of categories."""
    generator = np.random.default_rng(seed)
    images, doctors = int(generator.integers(8, 40)), int(generator.integers(2, 7))
    categories = int(generator.integers(2, 6))
    prevalence = generator.dirichlet(np.ones(categories))
    truth = generator.choice(categories, images, p=prevalence)
    guess = generator.integers(0, categories, (images, doctors))
    readings = np.where(generator.random((images, doctors)) < generator.uniform(0.05, 0.6), guess, truth[:, None])
    missing = generator.random((images, doctors)) < (0.3 if seed % 2 else 0)
    missing[np.arange(images), generator.integers(0, doctors, images)] = False  # every image has a reading
    return np.where(missing, np.nan, readings), categories


def figures(readings: NDArray[np.float64], categories: int) -> dict[str, Any]:
    """The figures of every library."""
    scale = list(range(categories))
    chance_corrected = CAC(pd.DataFrame(readings), categories=scale, digits=DIGITS)
    fleiss, ac1 = chance_corrected.fleiss()["est"], chance_corrected.gwet()["est"]
    found = {
        "percent_agreement": fleiss["pa"],
        "fleiss_kappa": fleiss["coefficient_value"],
        "gwet_ac1": ac1["coefficient_value"],
    }
    for level in ("nominal", "ordinal"):
        found[f"{level}_alpha"] = krippendorff.alpha(
            readings.T, value_domain=scale, level_of_measurement=level, dtype=np.longdouble
        )
    if not np.isnan(readings).any():
        counts, _ = aggregate_raters(readings.astype(int), n_cat=categories)
        found["complete_fleiss_kappa"] = fleiss_kappa(counts)
    pair = readings[~np.isnan(readings[:, :2]).any(axis=1), :2]
    for name, weights in (("cohen", None), ("linear", "linear"), ("quadratic", "quadratic")):
        found[f"{name}_kappa"] = cohen_kappa_score(pair[:, 0], pair[:, 1], labels=scale, weights=weights)
    return {name: round(float(value), DIGITS) for name, value in found.items()}


def reference_set(seed: int) -> dict[str, Any]:
    """Readings, one word an image and one character a doctor, with their figures."""
    readings, categories = generated(seed)
    rows = ["".join("." if np.isnan(code) else str(int(code)) for code in row) for row in readings]
    return {"categories": categories, "readings": " ".join(rows), "figures": figures(readings, categories)}


def main() -> None:
    """Print the JSON document."""
    wilson = [
        {"successes": successes, "trials": trials, "interval": proportion_confint(successes, trials, method="wilson")}
        for successes, trials in ((0, 1), (1, 1), (0, 10), (7, 10), (10, 10), (499, 500), (12345, 20000))
    ]
    document = {"sets": [reference_set(seed) for seed in range(SETS)], "wilson": wilson}
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
