"""Findings, each drawn by its radiological sign, with a severity that runs from faint to plain.

The terms are those of the Fleischner Society glossary (Hansell et al., Radiology 2008;246:697-722): atelectasis,
consolidation, air bronchogram, ground-glass opacity, interlobular septal thickening (Kerley B lines). The heart's
rule is the cardiothoracic ratio. Faint cases overlap with normal variation on purpose: without that a score of 1.0
would say more about the drawing than about the model. Known limit: one radiologist's textbook picture a finding,
none of the mimics (a mass, a pneumothorax, a hernia), and severities that are uniform and not epidemiological.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from training.phantoms.anatomy import AIR_IN_LUNG, LEFT, RIGHT, Lung, Thorax, branches
from training.phantoms.fields import Field, band, smooth_noise, step


@dataclass(frozen=True)
class Collapse:
    """Where an atelectasis lies, how strong it is (0..1) and whether a whole lobe takes part."""

    side: int
    severity: float
    lobar: bool


def cardiomegaly(rng: np.random.Generator, thorax: Thorax) -> Thorax:
    """Enlarged heart: CTR above 0.5 by rule, near the rule more often than far above it."""
    ratio = float(np.clip(rng.normal(0.555, 0.04), 0.502, 0.68))
    growth = ratio / thorax.cardiothoracic_ratio
    return replace(thorax, cardiothoracic_ratio=ratio, heart_height=thorax.heart_height * growth**0.35)


def redistribution(rng: np.random.Generator, thorax: Thorax) -> Thorax:
    """Vascular redistribution in edema: the vessels of the upper lobes become as wide as the lower ones, or nearly."""
    return replace(thorax, upper_vessels=rng.uniform(0.45, 1.1), vessels=thorax.vessels * rng.uniform(1.0, 1.35))


def volume_loss(rng: np.random.Generator, thorax: Thorax) -> tuple[Thorax, Collapse]:
    """Indirect signs of atelectasis: raised hemidiaphragm and a mediastinum that moves to the side of the loss."""
    side = RIGHT if rng.random() < 0.5 else LEFT
    collapse = Collapse(side, rng.uniform(0.35, 1.0), bool(rng.random() < 0.4))
    lift = (0.05 + 0.09 * collapse.severity) * (1.3 if collapse.lobar else 0.9)
    shift = side * (0.015 + 0.05 * collapse.severity) * (1.3 if collapse.lobar else 0.6)
    moved = replace(thorax, mediastinal_shift=thorax.mediastinal_shift + shift)
    if side == RIGHT:
        return replace(moved, dome_right=thorax.dome_right - lift), collapse
    return replace(moved, dome_left=thorax.dome_left - lift), collapse


def atelectasis(rng: np.random.Generator, thorax: Thorax, lungs: tuple[Lung, Lung], collapse: Collapse) -> Field:
    """Linear (plate) opacities above the raised dome, or the homogeneous wedge of a collapsed lobe."""
    lung = lungs[0] if collapse.side == RIGHT else lungs[1]
    if collapse.lobar:
        if rng.random() < 0.5:  # upper lobe: the minor fissure is pulled up and bounds the opacity from below
            region = step(-0.28 + 0.15 * collapse.severity - 0.35 * lung.lateral - lung.y, 0.012)
        else:  # lower lobe: a triangle beside the spine ("sail" behind the heart on the left)
            edge = 0.16 + (0.12 + 0.25 * collapse.severity) * np.clip(lung.y + 0.15, 0.0, 1.0)
            region = step(edge - lung.lateral, 0.012) * step(lung.y + 0.10, 0.03)
        return AIR_IN_LUNG * (0.35 + 0.45 * collapse.severity) * region * lung.mask
    opacity: Field = np.zeros_like(lung.mask)
    for _ in range(int(rng.integers(1, 4))):
        tilt = rng.uniform(-0.35, 0.35)
        across = lung.lateral - rng.uniform(0.28, 0.55)
        above = lung.y - thorax.dome(collapse.side) + rng.uniform(0.06, 0.34)
        along = across * np.cos(tilt) + above * np.sin(tilt)
        off = above * np.cos(tilt) - across * np.sin(tilt)
        plate = band(off, rng.uniform(0.012, 0.026)) * step(rng.uniform(0.12, 0.25) - np.abs(along), 0.012)
        opacity = np.maximum(opacity, plate)
    return AIR_IN_LUNG * (0.22 + 0.40 * collapse.severity) * opacity * lung.mask


def consolidation(rng: np.random.Generator, thorax: Thorax, lungs: tuple[Lung, Lung]) -> Field:
    """Patchy lobar opacity that hides the vessels, crossed by air bronchograms (dark branching bronchi)."""
    lung = lungs[int(rng.random() < 0.5)]
    severity = rng.uniform(0.15, 1.0)
    height = rng.uniform(-0.42, thorax.dome(lung.side) - 0.12)
    centre = rng.uniform(0.28, 0.80 * thorax.lateral_border(height))
    spread = 0.13 + 0.12 * severity * rng.uniform(0.6, 1.0)
    distance = np.hypot((lung.lateral - centre) / 1.1, lung.y - height) / spread
    patches = smooth_noise(rng, lung.mask.shape[0], 14)
    region = step(1.0 - distance + 0.45 * patches, 0.10)
    air = 1.0 - rng.uniform(0.4, 0.8) * branches(rng, lung, 9, 0.035)
    return AIR_IN_LUNG * (0.22 + 0.50 * severity) * region * air * lung.mask


def edema(rng: np.random.Generator, thorax: Thorax, lungs: tuple[Lung, Lung]) -> Field:
    """Bilateral perihilar haze ("bat wing"), and short Kerley B lines at the lateral bases."""
    severity = rng.uniform(0.0, 1.0)
    haze = AIR_IN_LUNG * (0.04 + 0.40 * severity)
    opacity: Field = np.zeros_like(lungs[0].mask)
    for lung in lungs:
        wing = band(lung.lateral - rng.uniform(0.26, 0.36), 0.20) * band(lung.y - rng.uniform(-0.06, 0.06), 0.34)
        mottle = 1.0 + 0.25 * smooth_noise(rng, lung.mask.shape[0], 16)
        lateral = step(lung.lateral - 0.86 * thorax.lateral_border(0.3), 0.01)
        septa = band(np.sin(2.0 * np.pi * lung.y / 0.045), 0.45) * lateral * band(lung.y - 0.32, 0.18)
        opacity += lung.mask * (haze * rng.uniform(0.8, 1.15) * wing * mottle + 0.18 * severity * septa)
    return opacity


def pleural_effusion(rng: np.random.Generator, thorax: Thorax, lungs: tuple[Lung, Lung]) -> Field:
    """Homogeneous basal opacity with a meniscus that climbs the lateral wall; small ones only blunt the angle."""
    sides = ((RIGHT,), (LEFT,), (RIGHT, LEFT))[int(rng.choice(3, p=(0.4, 0.35, 0.25)))]
    opacity: Field = np.zeros_like(lungs[0].mask)
    for lung in lungs:
        depth = -0.04 + 0.56 * rng.random() ** 1.5
        rise = rng.uniform(0.04, 0.18)
        fill = AIR_IN_LUNG * rng.uniform(0.45, 0.95)
        if lung.side not in sides:
            continue
        level = thorax.costophrenic_angle(lung.side) - depth
        wall = np.clip(thorax.lateral_border(level) - lung.lateral, 0.0, None)
        surface = level - rise * np.exp(-wall / 0.09)
        opacity += fill * lung.mask * step(lung.y - surface, 0.015)
    return opacity


def covid19(rng: np.random.Generator, thorax: Thorax, lungs: tuple[Lung, Lung]) -> Field:
    """Bilateral, peripheral ground-glass opacities, mostly in the lower zones: hazy, with the vessels still seen.

    The distribution follows the chest-radiograph reports of 2020 (Wong et al., Radiology 2020;296:E72-E78).
    """
    severity = rng.uniform(0.15, 1.0)
    opacity: Field = np.zeros_like(lungs[0].mask)
    for lung in lungs:
        region: Field = np.zeros_like(lung.mask)
        for _ in range(int(rng.integers(1, 4))):
            height = rng.triangular(-0.30, 0.38, 0.55)
            centre = rng.uniform(0.72, 0.98) * thorax.lateral_border(height)
            radius = rng.uniform(0.09, 0.15) + 0.06 * severity
            spot = step(1.0 - np.hypot(lung.lateral - centre, 0.8 * (lung.y - height)) / radius, 0.16)
            region = np.maximum(region, spot * rng.uniform(0.6, 1.0))
        mottle = 1.0 + 0.35 * smooth_noise(rng, lung.mask.shape[0], 20)
        opacity += AIR_IN_LUNG * (0.08 + 0.34 * severity) * region * mottle * lung.mask
    return opacity
