"""Pictures that the tests send: small, exact, and made by other code than the code under test."""

import hashlib
import struct
import zlib
from io import BytesIO
from typing import Any

import gdcm
import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
    generate_uid,
)


def sha256_hex(data: bytes) -> str:
    """The digest as people write it."""
    return hashlib.sha256(data).hexdigest()


def ramp(width: int = 64, height: int = 48, top: int = 255) -> npt.NDArray[np.uint16]:
    """Values 0..top, rising from left to right."""
    row = np.linspace(0, top, width).round().astype(np.uint16)
    return np.tile(row, (height, 1))


def encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """The bytes of a picture file."""
    buffer = BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


GREY = Image.fromarray(ramp().astype(np.uint8))


def png(width: int = 64, height: int = 48) -> bytes:
    """An 8-bit grey PNG."""
    return encoded(Image.fromarray(ramp(width, height).astype(np.uint8)), "PNG")


def png_claiming(width: int, height: int) -> bytes:
    """A small PNG whose header claims another size (PNG specification, section 11.2.1)."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def deflated_zeros(count: int) -> bytes:
    """`zlib.compress(bytes(count), 9)`, but at once: a megabyte is compressed, and that again and again (RFC 1950)."""
    compressor = zlib.compressobj(9, wbits=-15)
    megabyte = compressor.compress(bytes(2**20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    rest = compressor.compress(bytes(count % 2**20)) + compressor.flush()
    adler32 = (count % 65_521) << 16 | 1  # of two sums, the first of which zeros leave at 1
    return b"\x78\xda" + megabyte * (count // 2**20) + rest + adler32.to_bytes(4, "big")


def png_with_text_bomb(megabytes: int) -> bytes:
    """A PNG with a zTXt chunk that inflates to many megabytes of nothing."""
    bomb = b"Comment\0\0" + deflated_zeros(megabytes * 2**20)
    whole = png()
    return whole[:33] + png_chunk(b"zTXt", bomb) + whole[33:]


def tiff_with_bomb(claimed: int) -> bytes:
    """A deflated TIFF strip of zeros that inflates far beyond what its small file suggests (TIFF 6.0)."""
    strip = deflated_zeros(claimed * 1024)
    entries = [
        (256, 4, claimed), (257, 4, claimed), (258, 3, 8), (259, 3, 8), (262, 3, 1),
        (273, 4, 8), (277, 3, 1), (278, 4, claimed), (279, 4, len(strip)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack("<HHII", tag, kind, 1, value)
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + directory + b"\0\0\0\0"


def gif(frames: int) -> bytes:
    """An animation of equal frames (GIF87a)."""
    still = encoded(Image.new("P", (2, 2)), "GIF")
    start = still.index(b",", 13)  # of its image descriptor, after the header and the colour table; ";" ends the file
    return still[:start] + still[start:-1] * frames + b";"


def dicom_dataset(stored: npt.NDArray[Any], *, bits: int = 12, photometric: str = "MONOCHROME2") -> FileDataset:
    """A digital X-ray with these stored values, uncompressed."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.PatientName = "PHANTOM^SYNTHETIC"
    dataset.Modality = "DX"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = stored.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.tobytes()
    return dataset


def dicom_bytes(dataset: FileDataset) -> bytes:
    """As a file (PS3.10)."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def dicom(stored: npt.NDArray[Any] | None = None, **options: Any) -> bytes:
    """A digital X-ray file."""
    return dicom_bytes(dicom_dataset(ramp(top=4095) if stored is None else stored, **options))


def dicom_without_pixels() -> bytes:
    """A header and nothing to look at."""
    dataset = dicom_dataset(ramp(top=4095))
    del dataset.PixelData
    return dicom_bytes(dataset)


def dicom_rle(stored: npt.NDArray[Any]) -> bytes:
    """RLE lossless, compressed by pydicom."""
    dataset = dicom_dataset(stored)
    dataset.compress(RLELossless)
    return dicom_bytes(dataset)


def dicom_encapsulated(dataset: FileDataset, frame: bytes | bytearray, transfer_syntax: str) -> bytes:
    """The file of a data set with this compressed frame."""
    dataset.PixelData = encapsulate([bytes(frame)])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    return dicom_bytes(dataset)


def dicom_jpeg2000(stored: npt.NDArray[Any]) -> bytes:
    """JPEG 2000 lossless, compressed by Pillow (OpenJPEG)."""
    dataset = dicom_dataset(stored, bits=16)
    codestream = encoded(Image.fromarray(stored), "JPEG2000", no_jp2=True, irreversible=False)
    return dicom_encapsulated(dataset, codestream, JPEG2000Lossless)


def dicom_jpeg_lossless(stored: npt.NDArray[Any], folder: Any) -> bytes:
    """JPEG lossless, first-order prediction, compressed by GDCM."""
    source, target = folder / "plain.dcm", folder / "lossless.dcm"
    source.write_bytes(dicom(stored))
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    data: bytes = target.read_bytes()
    assert pydicom.dcmread(BytesIO(data)).file_meta.TransferSyntaxUID == JPEGLosslessSV1
    return data
