"""How far doctors agree with each other and with themselves, and how often they find the ground truth.

Labels become arrays (`readings.py`), whose values are categories (`categories.py`). From these, `agreement.py` computes
the measures of agreement and `accuracy.py` the accuracy of each doctor. Images that were read in the same way are
counted together (`patterns.py`), which makes the resamples of the bootstrap (`bootstrap.py`) cheap.
"""
