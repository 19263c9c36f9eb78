"""Draw the sample pictures in /samples: the seven kinds of phantoms in the formats that the services read.

The seeds lie outside every training range. For each finding the first seed is taken whose phantom the committed model
answers as expected with a margin, so a sample shows the typical case; how often the model errs is in its CARD.md.
Needs onnxruntime, Pillow and pydicom, no torch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid
from pydicom.dataset import FileDataset, FileMetaDataset

from training import cohorts, evaluate, phantoms
from training.cohorts import CHEST, COVID, Cohort

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
STORED_BITS = 12
CLEAR = 0.85  # score from which an answer counts as clear; a finding that is absent stays below the rest

Pixels = NDArray[np.float32]
Writer = Callable[[Path, Pixels], None]

_README = """# Samples

Chest-radiograph phantoms drawn by `inference-service/training/phantoms`, never a person. The seeds lie outside the
training, validation and test ranges. They are typical cases, picked so that the demonstration models answer them
clearly; for how often those models err, see the `CARD.md` of each model.

| File | Format | Pixels | What is drawn | Model | Seed |
|---|---|---|---|---|---|
"""

_FOOTER = """
The two DICOM files belong to the synthetic patient `PHANTOM^SYNTHETIC`, 12 bits stored in 16. Draw them all again with
`cd inference-service && python -m training.samples`. Licence: MIT, like the project.
"""


def _grey8(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.rint(pixels * 255.0).astype(np.uint8))


def _png8(path: Path, pixels: Pixels) -> None:
    _grey8(pixels).save(path, optimize=True)


def _png16(path: Path, pixels: Pixels) -> None:
    # Twelve significant bits, spread over sixteen as detectors' exports do, keep the file small.
    Image.fromarray(np.rint(pixels * 4095.0).astype(np.uint16) * 16).save(path, optimize=True)


def _jpeg(path: Path, pixels: Pixels) -> None:
    _grey8(pixels).save(path, quality=85, optimize=True)


def _webp(path: Path, pixels: Pixels) -> None:
    _grey8(pixels).convert("RGB").save(path, quality=85, method=6)


def _tiff(path: Path, pixels: Pixels) -> None:
    _grey8(pixels).save(path, compression="tiff_adobe_deflate")


def _bmp(path: Path, pixels: Pixels) -> None:
    # Wider than high, with unexposed borders: the centre crop of the models has something to do.
    border = pixels.shape[1] // 5
    _grey8(np.pad(pixels, ((0, 0), (border, border)))).save(path)


def _uid(seed: int, level: str) -> str:
    """A UUID-derived UID (DICOM PS3.5 annex B.2), the same for the same seed and level."""
    return f"2.25.{uuid5(NAMESPACE_OID, f'phantom {seed} {level}').int}"


def dicom(path: Path, pixels: Pixels, seed: int, photometric: str) -> None:
    """Write a Digital X-Ray image for presentation (DICOM PS3.3 A.26): 12 bits stored in 16, with one window.

    ``photometric`` is "MONOCHROME2" (low is black; stored as it is) or "MONOCHROME1" (low is white, so the stored
    values are inverted; RLE). The attributes readers rely on are there; a complete IOD has a few more.
    """
    top = 2**STORED_BITS - 1
    inverted = photometric == "MONOCHROME1"
    stored = np.rint((1.0 - pixels if inverted else pixels) * top).astype(np.uint16)

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = uid.DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = uid.UID(_uid(seed, "instance"))
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    meta.ImplementationClassUID = uid.UID(_uid(0, "implementation"))
    data = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = _uid(seed, "study"), _uid(seed, "series")
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.StudyDate = data.StudyTime = data.AccessionNumber = data.StudyID = ""
    data.ReferringPhysicianName = data.PatientBirthDate = data.PatientSex = ""
    data.Modality, data.PresentationIntentType = "DX", "FOR PRESENTATION"
    data.Manufacturer = "Lightbox phantom"
    data.PatientName, data.PatientID = "PHANTOM^SYNTHETIC", f"PHANTOM-{seed}"
    data.PatientIdentityRemoved, data.DeidentificationMethod = "YES", "Synthetic phantom, no patient"
    data.BurnedInAnnotation = "NO"
    data.BodyPartExamined, data.ViewPosition = "CHEST", "PA"
    data.PatientOrientation = ["L", "F"]
    data.SeriesNumber, data.InstanceNumber = 1, 1
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, photometric
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelIntensityRelationship, data.PixelIntensityRelationshipSign = "LOG", 1 if inverted else -1
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, 1, "US"
    data.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    data.LossyImageCompression = "00"
    data.WindowCenter, data.WindowWidth = (top + 1) / 2, top + 1
    data.ImagerPixelSpacing = [round(430.0 / pixels.shape[0], 4)] * 2
    data.PixelData = stored.tobytes()
    data["PixelData"].VR = "OW"
    if inverted:
        data.compress(uid.RLELossless, generate_instance_uid=False)
    data.save_as(path, enforce_file_format=True)


@dataclass(frozen=True)
class Sample:
    """One file to draw: its kind by suffix, its size in pixels, the findings, and the cohort whose model reads it."""

    file: str
    format: str
    size: int
    present: tuple[str, ...]
    cohort: Cohort


_WRITERS: dict[str, Writer] = {".jpg": _jpeg, ".webp": _webp, ".tiff": _tiff, ".bmp": _bmp}

PLAN = (
    Sample("normal.png", "PNG, 8-bit grey", 384, (), CHEST),
    Sample("normal-wide.bmp", "BMP, 8-bit grey, wider than high", 256, (), CHEST),
    Sample("normal-monochrome1.dcm", "DICOM DX, MONOCHROME1, RLE", 224, (), CHEST),
    Sample("atelectasis-16bit.png", "PNG, 16-bit grey", 256, (phantoms.ATELECTASIS,), CHEST),
    Sample("cardiomegaly.jpg", "JPEG", 1024, (phantoms.CARDIOMEGALY,), CHEST),
    Sample("consolidation.webp", "WebP, lossy", 512, (phantoms.CONSOLIDATION,), CHEST),
    Sample("edema.tiff", "TIFF, deflate", 320, (phantoms.EDEMA,), CHEST),
    Sample("pleural-effusion.dcm", "DICOM DX, MONOCHROME2, uncompressed", 240, (phantoms.PLEURAL_EFFUSION,), CHEST),
    Sample(
        "cardiomegaly-edema-effusion.jpg",
        "JPEG",
        512,
        (phantoms.CARDIOMEGALY, phantoms.EDEMA, phantoms.PLEURAL_EFFUSION),
        CHEST,
    ),
    Sample("covid19-normal.jpg", "JPEG", 512, (), COVID),
    Sample("covid19-positive.png", "PNG, 8-bit grey", 384, (phantoms.COVID_19,), COVID),
    Sample("covid19-positive.jpg", "JPEG", 512, (phantoms.COVID_19,), COVID),
)


def typical(sample: Sample, folder: Path, tried: set[int]) -> int:
    """The first unused sample seed whose phantom the model of a folder answers clearly and rightly.

    Raises ``LookupError`` if none of the sample seeds is clear.
    """
    wanted = cohorts.targets(sample.cohort, sample.present) > 0.5
    for seed in sample.cohort.seeds("samples"):
        if seed in tried:
            continue
        picture = _grey8(phantoms.draw(seed, sample.size, sample.present).pixels)
        scores = evaluate.run(folder, cohorts.to_input(picture)[None])[0]
        if scores[wanted].min(initial=1.0) > CLEAR and scores[~wanted].max(initial=0.0) < 1.0 - CLEAR:
            tried.add(seed)
            return seed
    raise LookupError(f"no clear phantom for {sample.file}")


def write(sample: Sample, path: Path, seed: int) -> None:
    """Draw one sample into a file."""
    pixels = phantoms.draw(seed, sample.size, sample.present).pixels
    if path.suffix == ".dcm":
        dicom(path, pixels, seed, "MONOCHROME1" if "monochrome1" in path.name else "MONOCHROME2")
    elif path.suffix == ".png":
        (_png16 if "16bit" in path.name else _png8)(path, pixels)
    else:
        _WRITERS[path.suffix](path, pixels)


def main(arguments: list[str]) -> None:
    """Command line: where to write the samples, and the model repository that answers them."""
    parser = argparse.ArgumentParser(description="Draw the sample pictures.")
    parser.add_argument("--folder", type=Path, default=SAMPLES)
    parser.add_argument("--repository", type=Path, default=evaluate.MODELS)
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    rows, tried = [], set[int]()
    for sample in PLAN:
        seed = typical(sample, chosen.repository / sample.cohort.model / "1", tried)
        write(sample, chosen.folder / sample.file, seed)
        drawn = ", ".join(sample.present) or "a normal chest"
        width = sample.size + 2 * (sample.size // 5) if sample.file.endswith(".bmp") else sample.size
        cells = (f"`{sample.file}`", sample.format, f"{width} x {sample.size}", drawn, sample.cohort.model, f"{seed}")
        rows.append(f"| {' | '.join(cells)} |\n")
    (chosen.folder / "README.md").write_text(_README + "".join(rows) + _FOOTER, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
