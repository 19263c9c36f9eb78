"""The sample pictures are small, listed and readable, and the models find what their names say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from training import cohorts, evaluate, phantoms

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
PICTURES = sorted(path for path in SAMPLES.iterdir() if path.suffix != ".md")
EXPECTED = {
    "normal": (),
    "atelectasis": (phantoms.ATELECTASIS,),
    "cardiomegaly": (phantoms.CARDIOMEGALY,),
    "consolidation": (phantoms.CONSOLIDATION,),
    "edema": (phantoms.EDEMA,),
    "pleural-effusion": (phantoms.PLEURAL_EFFUSION,),
    "cardiomegaly-edema-effusion": (phantoms.CARDIOMEGALY, phantoms.EDEMA, phantoms.PLEURAL_EFFUSION),
    "covid19-positive": (phantoms.COVID_19,),
    "covid19-normal": (),
}

each = pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)


def read(path: Path) -> Image.Image:
    """A sample as an 8-bit grey picture."""
    if path.suffix == ".dcm":
        pydicom = pytest.importorskip("pydicom", reason="DICOM samples are read with pydicom")
        data = pydicom.dcmread(path)
        grey = data.pixel_array.astype(np.float64) / (2**data.BitsStored - 1)
        grey = 1.0 - grey if data.PhotometricInterpretation == "MONOCHROME1" else grey
    else:
        with Image.open(path) as picture:
            sixteen = picture.mode.startswith("I")
            grey = np.asarray(picture if sixteen else picture.convert("L")) / (65535.0 if sixteen else 255.0)
    return Image.fromarray(np.rint(grey * 255.0).astype(np.uint8))


def findings_of(path: Path) -> tuple[str, ...]:
    name = path.stem.removesuffix("-wide").removesuffix("-monochrome1").removesuffix("-16bit")
    return EXPECTED[name]


def test_there_are_enough_kinds_and_they_are_small() -> None:
    assert len(PICTURES) >= 10
    assert {path.suffix for path in PICTURES} == {".png", ".jpg", ".webp", ".tiff", ".bmp", ".dcm"}
    assert {findings_of(path) for path in PICTURES} == set(EXPECTED.values())
    assert sum(path.stat().st_size for path in PICTURES) < 1_000_000


@each
def test_a_sample_is_small_and_listed(path: Path) -> None:
    assert path.stat().st_size < 120_000
    assert f"`{path.name}`" in (SAMPLES / "README.md").read_text(encoding="utf-8")


@each
def test_the_model_answers_a_sample_plausibly(path: Path) -> None:
    cohort = cohorts.COVID if path.name.startswith("covid19") else cohorts.CHEST
    scores = evaluate.run(evaluate.MODELS / cohort.model / "1", cohorts.to_input(read(path))[None])[0]
    expected = cohorts.targets(cohort, findings_of(path)) > 0.5
    assert scores[expected].min(initial=1.0) > 0.7
    assert scores[~expected].max(initial=0.0) < 0.3


@pytest.mark.parametrize(
    ("name", "photometric"),
    [("pleural-effusion.dcm", "MONOCHROME2"), ("normal-monochrome1.dcm", "MONOCHROME1")],
)
def test_the_dicom_samples_are_digital_x_ray_without_a_person(name: str, photometric: str) -> None:
    pydicom = pytest.importorskip("pydicom", reason="DICOM samples are read with pydicom")
    data = pydicom.dcmread(SAMPLES / name)
    assert data.SOPClassUID == data.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.1.1"
    assert (data.Modality, data.PhotometricInterpretation) == ("DX", photometric)
    assert (data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation) == (16, 12, 11, 0)
    assert str(data.PatientName) == "PHANTOM^SYNTHETIC"
    assert data.PatientIdentityRemoved == "YES"
    assert (float(data.WindowCenter), float(data.WindowWidth)) == (2048.0, 4096.0)
    assert data.pixel_array.max() <= 4095
    assert all(pydicom.uid.UID(unique).is_valid for unique in (data.SOPInstanceUID, data.StudyInstanceUID))
