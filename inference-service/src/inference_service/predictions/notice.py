"""Headers of every response with a result of a model, also where the members of the body are fixed by a contract."""

from typing import Final

from starlette.responses import Response

from inference_service.predictions.models import Prediction
from inference_service.renditions.answers import ETAG
from lightbox_shared.openapi import headers

NOTICE: Final = "Computed by a model; no medical device, no diagnosis."
_DESCRIBED: Final = {
    "Link": "The model: its description, as `describedby`. Of an X-ray of an account also its prediction, as `via`.",
    "Lightbox_Notice": NOTICE,
}
MODEL_HEADERS: Final = headers(**_DESCRIBED)
"""For `responses`: what `add_model_headers` adds."""
HEATMAP_HEADERS: Final = headers(**_DESCRIBED, ETag=ETAG)
"""The same for a picture."""


def add_model_headers(response: Response, prediction: Prediction) -> None:
    """Add headers that name the model: a `Link` to its description (RFC 8288, `describedby`), and the notice."""
    model = f"/api/models/{prediction.model_name}/{prediction.model_version}"
    response.headers["Link"] = f'<{model}>; rel="describedby"'
    response.headers["Lightbox-Notice"] = NOTICE
