"""Every table of this service, in one place: importing this is what completes `metadata`."""

from inference_service.orm import BLOBS, Base
from inference_service.predictions.models import Prediction
from inference_service.xrays.models import XRay

__all__ = ["BLOBS", "Base", "Prediction", "XRay", "metadata"]

metadata = Base.metadata
