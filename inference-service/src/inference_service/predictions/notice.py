"""What goes with every number that a model computed, also where the body's members are fixed by a contract."""

from typing import Final

from starlette.responses import Response

from inference_service.predictions.models import Prediction

NOTICE: Final = "Computed by a model; no medical device, no diagnosis."


def about_model(response: Response, prediction: Prediction) -> None:
    """Name the model in the headers: `Link` to its description (RFC 8288, `describedby`) and the notice."""
    model = f"/api/models/{prediction.model_name}/{prediction.model_version}"
    response.headers["Link"] = f'<{model}>; rel="describedby"'
    response.headers["Lightbox-Notice"] = NOTICE
