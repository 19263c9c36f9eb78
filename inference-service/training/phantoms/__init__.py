"""Chest-radiograph phantoms: frontal chest pictures drawn from a seed, with findings by their radiological sign.

The project may not ship patients' pictures, yet its models, tests and samples need radiographs with known answers.
A phantom is a plausible line drawing of the anatomy (:mod:`.anatomy`), with signs added to it (:mod:`.findings`)
and an exposure chain behind it (:mod:`.exposure`). It is no simulation of a patient: a model that is right about
phantoms has shown that the pipeline works, and nothing about people.

Every part draws from a random stream of its own, so the same seed with and without a finding is the same thorax,
the same exposure and the same noise. Geometry is in normalised units (-1..1 over the picture, y downwards), so the
same seed at another size is the same thorax too, with finer noise. Sides follow the convention of a frontal view:
the patient's right is on the left of the picture.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.phantoms import anatomy, exposure, findings
from training.phantoms.fields import stream

ATELECTASIS = "Atelectasis"
CARDIOMEGALY = "Cardiomegaly"
CONSOLIDATION = "Consolidation"
EDEMA = "Edema"
PLEURAL_EFFUSION = "Pleural Effusion"
COVID_19 = "COVID-19"

FINDINGS = (ATELECTASIS, CARDIOMEGALY, CONSOLIDATION, EDEMA, PLEURAL_EFFUSION, COVID_19)

_GEOMETRY, _ANATOMY, _TEXTURE, _EXPOSURE, _NOISE = range(5)
_FINDING_STREAMS = {name: 10 + place for place, name in enumerate(FINDINGS)}


@dataclass(frozen=True)
class Phantom:
    """One drawn radiograph and what is true of it.

    ``pixels`` is float32 (size, size) in [0, 1], 1 = white. ``attenuation`` is the same view before the exposure
    chain (float32, line integral in nepers), ``lungs`` the area of aerated lung without findings (bool).
    ``labels`` are the drawn findings in the order of :data:`FINDINGS`.
    """

    pixels: NDArray[np.float32]
    attenuation: NDArray[np.float32]
    lungs: NDArray[np.bool_]
    labels: tuple[str, ...]
    cardiothoracic_ratio: float


def draw(seed: int, size: int, present: Collection[str] = ()) -> Phantom:
    """Draw the thorax of a seed with the findings that are present.

    ``seed`` is any integer >= 0, ``size`` the edge of the square picture in pixels (32..4096).
    Raises ``ValueError`` for an unknown finding or a size out of range.
    """
    unknown = set(present) - set(FINDINGS)
    if unknown:
        raise ValueError(f"unknown findings: {', '.join(sorted(unknown))}")
    if not 32 <= size <= 4096:
        raise ValueError("the size of a phantom is 32 to 4096 pixels")

    grid = anatomy.place(stream(seed, _GEOMETRY), size)
    thorax = anatomy.sample(stream(seed, _ANATOMY))
    generators = {name: stream(seed, _FINDING_STREAMS[name]) for name in FINDINGS if name in present}
    if CARDIOMEGALY in generators:
        thorax = findings.cardiomegaly(generators[CARDIOMEGALY], thorax)
    if EDEMA in generators:
        thorax = findings.redistribution(generators[EDEMA], thorax)
    collapse = None
    if ATELECTASIS in generators:
        thorax, collapse = findings.volume_loss(generators[ATELECTASIS], thorax)

    lungs = anatomy.lungs(thorax, grid)
    attenuation = anatomy.render(thorax, grid, lungs, stream(seed, _TEXTURE))
    if collapse is not None:
        attenuation += findings.atelectasis(generators[ATELECTASIS], thorax, lungs, collapse)
    for name, opacity in (
        (CONSOLIDATION, findings.consolidation),
        (EDEMA, findings.edema),
        (PLEURAL_EFFUSION, findings.pleural_effusion),
        (COVID_19, findings.covid19),
    ):
        if name in generators:
            attenuation += opacity(generators[name], thorax, lungs)

    pixels = exposure.expose(attenuation, stream(seed, _EXPOSURE), stream(seed, _NOISE))
    return Phantom(
        pixels=pixels.astype(np.float32),
        attenuation=attenuation.astype(np.float32),
        lungs=lungs[0].mask + lungs[1].mask > 0.5,
        labels=tuple(generators),
        cardiothoracic_ratio=thorax.cardiothoracic_ratio,
    )
