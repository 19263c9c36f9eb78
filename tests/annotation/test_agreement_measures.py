"""The measures of agreement, against examples that were published with their results."""

import numpy as np
import pytest
from support.readings import agreement_of, of_counts, of_two_doctors, value

# Fleiss, Measuring nominal scale agreement among many raters, Psychological Bulletin 76 (1971), table 1: thirty
# patients, six psychiatrists each; depression, personality disorder, schizophrenia, neurosis, other.
PSYCHIATRIC_DIAGNOSES = (
    (0, 0, 0, 6, 0),
    (0, 3, 0, 0, 3),
    (0, 1, 4, 0, 1),
    (0, 0, 0, 0, 6),
    (0, 3, 0, 3, 0),
    (2, 0, 4, 0, 0),
    (0, 0, 4, 0, 2),
    (2, 0, 3, 1, 0),
    (2, 0, 0, 4, 0),
    (0, 0, 0, 0, 6),
    (1, 0, 0, 5, 0),
    (1, 1, 0, 4, 0),
    (0, 3, 3, 0, 0),
    (1, 0, 0, 5, 0),
    (0, 2, 0, 3, 1),
    (0, 0, 5, 0, 1),
    (3, 0, 0, 1, 2),
    (5, 1, 0, 0, 0),
    (0, 2, 0, 4, 0),
    (1, 0, 2, 0, 3),
    (0, 0, 0, 0, 6),
    (0, 1, 0, 5, 0),
    (0, 2, 0, 1, 3),
    (2, 0, 0, 4, 0),
    (1, 0, 0, 4, 1),
    (0, 5, 0, 1, 0),
    (4, 0, 0, 0, 2),
    (0, 2, 0, 4, 0),
    (1, 0, 5, 0, 0),
    (0, 0, 0, 0, 6),
)

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: twelve units, four observers, with missing
# readings. Gwet, Handbook of Inter-Rater Reliability, 4th edition (2014), takes the same readings as an example.
FOUR_OBSERVERS = tuple(
    zip(
        (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
        (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
        strict=True,
    )
)

# Boyd and others, Journal of the National Cancer Institute 68 (1982), as printed in Altman, Practical Statistics for
# Medical Research (1991), section 14.3: 85 xeromammograms, two radiologists; normal, benign, suspected cancer, cancer.
XEROMAMMOGRAMS = ((21, 12, 0, 0), (4, 17, 1, 0), (3, 9, 15, 2), (0, 0, 0, 1))

# Gwet, Computing inter-rater reliability and its variance in the presence of high agreement, British Journal of
# Mathematical and Statistical Psychology 61 (2008): 125 subjects, nearly all of them positive.
HIGH_AGREEMENT = ((118, 5), (2, 0))


def test_percent_agreement_and_kappa_of_fleiss_1971() -> None:
    found = agreement_of(of_counts(PSYCHIATRIC_DIAGNOSES))
    assert round(value(found.all_doctors.percent_agreement), 3) == 0.556
    assert round(value(found.all_doctors.fleiss_kappa), 3) == 0.430
    assert (found.compared.images, found.compared.readings, found.compared.pairs) == (30, 180, 30 * 15)


def test_gwet_on_the_first_half_of_fleiss_1971() -> None:
    """The handbook of Gwet (2014) and its package irrCAC, data set distrib.6raters."""
    measures = agreement_of(of_counts(PSYCHIATRIC_DIAGNOSES[:15])).all_doctors
    assert round(value(measures.gwet_ac1), 4) == 0.4448
    assert round(value(measures.fleiss_kappa), 4) == 0.4139


def test_krippendorff_2011_with_missing_readings() -> None:
    measures = agreement_of(FOUR_OBSERVERS, is_ordered=True).all_doctors
    assert round(value(measures.krippendorff_alpha), 3) == 0.743
    assert round(value(measures.ordinal_krippendorff_alpha), 3) == 0.815


def test_krippendorff_2011_two_observers() -> None:
    """Sections A (binary, ten units) and B (nominal, twelve units) of the same paper."""
    meg, owen = (0, 1, 0, 0, 0, 0, 0, 0, 1, 0), (1, 1, 1, 0, 0, 1, 0, 0, 0, 0)
    measures = agreement_of(tuple(zip(meg, owen, strict=True))).all_doctors
    assert round(value(measures.krippendorff_alpha), 3) == 0.095
    ben, gerry = "aabbdcccedda", "babbbccceddd"
    measures = agreement_of(tuple(zip(ben, gerry, strict=True))).all_doctors
    assert round(value(measures.krippendorff_alpha), 3) == 0.692


def test_gwet_2014_with_missing_readings() -> None:
    """The unit with one reading counts for how often a category is chosen, but not for the observed agreement."""
    found = agreement_of(FOUR_OBSERVERS)
    assert round(value(found.all_doctors.percent_agreement), 5) == 0.81818
    assert round(value(found.all_doctors.gwet_ac1), 5) == 0.77544
    assert round(value(found.all_doctors.fleiss_kappa), 5) == 0.76117
    assert (found.compared.images, found.read_once) == (11, 1)


def test_gwet_2008_where_kappa_misleads() -> None:
    pair = agreement_of(of_two_doctors(HIGH_AGREEMENT)).pairs[0]
    assert round(value(pair.percent_agreement), 3) == 0.944
    assert round(value(pair.cohen_kappa), 4) == -0.0234
    assert round(value(pair.gwet_ac1), 4) == 0.9408
    assert pair.images == 125


def test_kappa_of_cohen_1960() -> None:
    """A coefficient of agreement for nominal scales, tables 1 and 2: 200 patients, two psychiatrists."""
    found = agreement_of(of_two_doctors(((88, 14, 18), (10, 40, 10), (2, 6, 12))))
    assert value(found.pairs[0].percent_agreement) == 0.7
    assert round(value(found.pairs[0].cohen_kappa), 3) == 0.492


def test_weighted_kappa_of_altman_1991() -> None:
    """Kappa and linear weighted kappa are Altman's; that with quadratic weights is in the manual of Stata, `kap`, which
    has the same data."""
    pair = agreement_of(of_two_doctors(XEROMAMMOGRAMS), is_ordered=True).pairs[0]
    assert round(value(pair.cohen_kappa), 2) == 0.47
    assert round(value(pair.linear_kappa), 2) == 0.57
    assert round(value(pair.quadratic_kappa), 4) == 0.6714


def test_gwet_on_two_abstractors() -> None:
    """Gwet (2014), table of 100 pregnant women and two abstractors; irrCAC has the figures."""
    pair = agreement_of(of_two_doctors(((13, 0, 0), (0, 20, 7), (0, 4, 56))), is_ordered=True).pairs[0]
    assert round(value(pair.cohen_kappa), 5) == 0.79641
    assert round(value(pair.gwet_ac1), 5) == 0.84933
    assert round(value(pair.quadratic_kappa), 5) == 0.89216


def test_quadratic_kappa_is_an_intraclass_correlation() -> None:
    """Fleiss and Cohen, The equivalence of weighted kappa and the intraclass correlation coefficient as measures of
    reliability, Educational and Psychological Measurement 33 (1973): with equal margins, quadratic weighted kappa is
    the product-moment correlation."""
    table = of_two_doctors(((10, 3, 2), (2, 15, 4), (3, 3, 8)))
    first, second = np.array(table, np.float64).T
    assert np.array_equal(np.sort(first), np.sort(second))
    correlation = np.corrcoef(first, second)[0, 1]
    assert value(agreement_of(table, is_ordered=True).pairs[0].quadratic_kappa) == pytest.approx(correlation, abs=1e-12)
