"""The normal chest in a frontal (PA) view: outline, rib cage, lungs, heart, mediastinum, bones, and its variation.

Shapes are analytic curves with soft edges, their sizes drawn around ordinary adult proportions. The cardiothoracic
ratio (CTR) is the greatest width of the heart over the greatest inner width of the thorax; above 0.5 the heart is
called enlarged (Danzer 1919; Hansell et al., Fleischner Society glossary of terms, Radiology 2008;246:697-722, for
the vocabulary used throughout). Known limits: one body habitus, no lateral view, no devices beyond ECG leads, no age.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from training.phantoms.fields import Field, Grid, band, grid, smooth_noise, step

RIGHT, LEFT = -1, 1
AIR_IN_LUNG = 0.85  # nepers that aerated lung takes away from the soft tissue of the chest wall


@dataclass(frozen=True)
class Thorax:
    """Measures of one chest, in normalised units (half the picture's edge)."""

    half_width: float
    cardiothoracic_ratio: float
    heart_right_share: float
    heart_height: float
    dome_right: float
    dome_left: float
    dome_curve: float
    mediastinal_shift: float
    mediastinum: float
    rib_spacing: float
    rib_slope: float
    rib_contrast: float
    vessels: float
    upper_vessels: float
    breasts: float
    stomach_bubble: float
    leads: float
    marker: float

    def dome(self, side: int) -> float:
        """Height (y) of the top of a hemidiaphragm."""
        return self.dome_right if side == RIGHT else self.dome_left

    def costophrenic_angle(self, side: int) -> float:
        """Height (y) of the lateral end of the diaphragm, where the costophrenic angle lies."""
        return self.dome(side) + self.dome_curve * ((0.80 * self.half_width - 0.38) / 0.42) ** 2

    def lateral_border(self, y: float) -> float:
        """Distance of the inner rib cage from the midline at a height."""
        return float(self.half_width * (1.0 - min(abs((y - 0.02) / 0.92), 1.0) ** 2.8) ** (1.0 / 2.3))


class Lung(NamedTuple):
    """One lung: ``mask`` the share of air (0..1), ``lateral`` the distance from the midline, ``y`` the height."""

    side: int
    mask: Field
    lateral: Field
    y: Field


def place(rng: np.random.Generator, size: int) -> Grid:
    """How the patient stands before the detector: small rotation, shift and scale."""
    angle = np.deg2rad(rng.normal(0.0, 2.2))
    return grid(size, angle, rng.uniform(0.90, 1.10), (rng.normal(0.0, 0.03), rng.normal(0.0, 0.03)))


def sample(rng: np.random.Generator) -> Thorax:
    """A normal chest. Its CTR stays below 0.5; domes and mediastinum vary a little, as they do in healthy people."""
    dome = rng.normal(0.42, 0.03)
    return Thorax(
        half_width=rng.uniform(0.76, 0.84),
        cardiothoracic_ratio=float(np.clip(rng.normal(0.435, 0.032), 0.36, 0.499)),
        heart_right_share=rng.uniform(0.28, 0.36),
        heart_height=rng.uniform(0.27, 0.32),
        dome_right=dome,
        dome_left=dome + 0.03 + rng.normal(0.0, 0.018),
        dome_curve=rng.uniform(0.27, 0.38),
        mediastinal_shift=rng.normal(0.0, 0.012),
        mediastinum=rng.uniform(0.085, 0.12),
        rib_spacing=rng.uniform(0.135, 0.165),
        rib_slope=rng.uniform(0.20, 0.42),
        rib_contrast=rng.uniform(0.06, 0.18),
        vessels=rng.uniform(0.10, 0.26),
        upper_vessels=rng.uniform(0.35, 0.60),
        breasts=rng.uniform(0.06, 0.25) if rng.random() < 0.4 else 0.0,
        stomach_bubble=rng.uniform(0.2, 0.5) if rng.random() < 0.5 else 0.0,
        leads=rng.uniform(0.2, 0.5) if rng.random() < 0.2 else 0.0,
        marker=rng.uniform(0.5, 1.2) if rng.random() < 0.5 else 0.0,
    )


def _rib_cage(thorax: Thorax, at: Grid) -> Field:
    reach = np.abs(at.x / thorax.half_width) ** 2.3 + np.abs((at.y - 0.02) / 0.92) ** 2.8
    return step(1.0 - reach, 0.02)


def lungs(thorax: Thorax, at: Grid) -> tuple[Lung, Lung]:
    """The right and the left lung above their diaphragm. The heart lies before the lung and takes most of its place."""
    cage = _rib_cage(thorax, at) * (1.0 - 0.88 * _heart(thorax, at))
    pair = []
    for side in (RIGHT, LEFT):
        lateral = side * (at.x - thorax.mediastinal_shift)
        medial_edge = step(lateral - thorax.mediastinum - 0.05 * np.square(at.y), 0.008)
        diaphragm = thorax.dome(side) + thorax.dome_curve * np.square((lateral - 0.38) / 0.42)
        pair.append(Lung(side, cage * medial_edge * step(diaphragm - at.y, 0.008), lateral, at.y))
    return pair[0], pair[1]


def _chest_wall(at: Grid) -> Field:
    half = 0.32 + 0.66 * step(at.y + 0.80, 0.05)
    return 1.7 * np.sqrt(np.clip(1.0 - np.abs(at.x / half) ** 5, 0.0, 1.0))


def _heart(thorax: Thorax, at: Grid) -> Field:
    width = 2.0 * thorax.half_width * thorax.cardiothoracic_ratio
    centre = thorax.mediastinal_shift + width * (0.5 - thorax.heart_right_share)
    across = (at.x - centre) / (0.5 * width)
    # The long axis points down and to the left. Shearing in y leaves the width, and with it the CTR, exact.
    down = (at.y - 0.27 - 0.30 * (at.x - centre)) / thorax.heart_height
    reach = np.square(across) + np.square(down)
    return step(1.0 - reach, 0.03) * (0.75 + 0.25 * np.sqrt(np.clip(1.0 - reach, 0.0, 1.0)))


def _mediastinum(thorax: Thorax, at: Grid) -> Field:
    x = at.x - thorax.mediastinal_shift
    knob = 0.45 * step(0.11 - np.hypot(x - 0.09, at.y + 0.30), 0.01)
    trachea = -0.28 * band(x, 0.035) * step(-0.22 - at.y, 0.03)
    vertebrae = 0.85 + 0.15 * np.cos(2.0 * np.pi * at.y / 0.16)
    spine = 0.35 * step(0.085 - np.abs(at.x), 0.01) * vertebrae
    hila = sum(0.22 * band(side * x - 0.19, 0.07) * band(at.y + 0.03, 0.13) for side in (RIGHT, LEFT))
    return knob + trachea + spine + hila


def _bones(thorax: Thorax, at: Grid) -> Field:
    out = np.abs(at.x)
    # Posterior ribs fall outwards, anterior ribs rise; one periodic curve draws a whole set.
    posterior = (at.y + 0.10 * np.square(out - 0.25) / 0.1 - thorax.rib_slope * out) / thorax.rib_spacing
    anterior = (at.y + 1.6 * thorax.rib_slope * out) / (1.15 * thorax.rib_spacing)
    cage = _rib_cage(thorax, at)
    ribs = step(np.cos(2.0 * np.pi * posterior) - 0.35, 0.12) + 0.55 * step(np.cos(2.0 * np.pi * anterior) - 0.5, 0.12)
    clavicle = step(0.03 - np.abs(at.y + 0.70 + 0.16 * (out - 0.1)), 0.006) * step(out - 0.08, 0.01)
    return thorax.rib_contrast * ribs * cage + 0.28 * clavicle * step(0.78 - out, 0.02)


def branches(rng: np.random.Generator, lung: Lung, count: int, width: float) -> Field:
    """Lines (0..1) that leave the hilum of a lung like the branches of a tree: vessels or bronchi."""
    across, down = lung.lateral - 0.15, lung.y + 0.03
    angle = np.arctan2(down, across)
    radius = np.hypot(across, down)
    bins = np.linspace(-np.pi, np.pi, 361)
    profile = np.zeros_like(bins)
    for _ in range(count):
        profile += rng.uniform(0.4, 1.0) * band(bins - rng.uniform(-1.7, 1.8), width)
    winding = rng.uniform(0.04, 0.10) * np.sin(radius * rng.uniform(8.0, 14.0))
    lines: Field = np.interp(angle + winding, bins, np.minimum(profile, 1.0))
    return lines


def render(thorax: Thorax, at: Grid, pair: tuple[Lung, Lung], rng: np.random.Generator) -> Field:
    """Attenuation (nepers, same shape as the grid) of the chest without findings."""
    size = at.x.shape[0]
    wall = _chest_wall(at)
    picture = wall * (1.0 + 0.03 * smooth_noise(rng, size, 6)) + _mediastinum(thorax, at)
    picture += 0.35 * step(at.y - 0.45, 0.10)
    for lung in pair:
        picture -= AIR_IN_LUNG * lung.mask
        radius = np.hypot(lung.lateral - 0.15, lung.y + 0.03)
        share = thorax.upper_vessels + (1.0 - thorax.upper_vessels) * step(lung.y + 0.05, 0.08)
        tree = branches(rng, lung, 22, 0.045) * np.exp(-radius / 0.30) * share
        texture = 0.03 * smooth_noise(rng, size, 24)
        picture += lung.mask * (thorax.vessels * tree + texture)
        breast = band((lung.lateral - 0.45) / 0.30, 1.0) * band((lung.y - 0.38) / 0.22, 1.0)
        picture += thorax.breasts * breast
    picture += 0.12 * _heart(thorax, at) + _bones(thorax, at)
    bubble = np.hypot((at.x - 0.42) / 0.16, (at.y - thorax.dome_left - 0.17) / 0.07)
    picture -= thorax.stomach_bubble * step(1.0 - bubble, 0.08)
    corner = step(0.05 - np.maximum(np.abs(at.x + 0.88), np.abs(at.y + 0.86)), 0.004)
    picture += thorax.marker * corner
    lead = at.y - rng.uniform(-0.3, 0.4) - rng.uniform(-0.6, 0.6) * at.x - 0.12 * np.sin(5.0 * at.x + rng.uniform(0, 6))
    picture += thorax.leads * band(lead, 0.008) * wall / 1.7
    return picture
