"""The exposure chain: from attenuation to the grey levels of a displayed radiograph.

Beer-Lambert transmission, scattered radiation as a wide blur of the primary image, focal-spot and detector blur,
quantum noise that grows as the root of the exposure, then the logarithm and a window as a digital detector applies
them. The numbers are chosen for looks, not measured; beam hardening, grids and post-processing are left out.
"""

from __future__ import annotations

import numpy as np

from training.phantoms.fields import Field, blur


def expose(attenuation: Field, rng: np.random.Generator, noise: np.random.Generator) -> Field:
    """Grey levels (size, size) in [0, 1], 1 = white, of an attenuation map in nepers."""
    scatter_share = rng.uniform(0.08, 0.35)
    scatter_width = rng.uniform(0.06, 0.12)
    sharpness = rng.uniform(0.0008, 0.0040)
    quanta = 10.0 ** rng.uniform(2.9, 4.3)
    low = rng.uniform(0.2, 4.0)
    high = rng.uniform(95.5, 99.8)
    gamma = np.exp(rng.normal(0.0, 0.18))
    black = rng.uniform(0.0, 0.10)
    white = rng.uniform(0.86, 1.0)

    primary = blur(np.exp(-attenuation), sharpness)
    detected = (1.0 - scatter_share) * primary + scatter_share * blur(primary, scatter_width)
    detected += np.sqrt(detected / quanta) * noise.standard_normal(attenuation.shape)
    density = -np.log(np.maximum(detected, 1e-3))

    # The window follows the whole picture, as an automatic exposure does: absolute brightness tells a model nothing.
    darkest, brightest = np.percentile(density, (low, high))
    grey = np.clip((density - darkest) / max(brightest - darkest, 1e-6), 0.0, 1.0)
    pixels: Field = black + (white - black) * grey**gamma
    return pixels
