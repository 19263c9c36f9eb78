"""Training of the two demonstration models on chest-radiograph phantoms.

Run from the folder ``inference-service``: ``python -m training.train``, ``python -m training.evaluate``,
``python -m training.samples``. Nothing here is needed to serve a model, and no data of patients
is used: every picture is drawn by :mod:`training.phantoms`.
"""
