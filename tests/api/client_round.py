"""One round of each system by a client that openapi-python-client made from the platform's OpenAPI document.

python client_round.py http://127.0.0.1:8000 <the administrator's password> <a picture>
"""

import sys
from base64 import b64encode
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from lightbox_client import AuthenticatedClient, Client
from lightbox_client.api.api_keys import create_api_key, revoke_api_key
from lightbox_client.api.che_x_ray import chexray_sign_up, chexray_upload, chexray_user, chexray_xray
from lightbox_client.api.co_re_collection import collect_picture, collection_devices, find_pictures, picture_by_id
from lightbox_client.api.covid_19 import covid19_alive, covid19_predict
from lightbox_client.api.image_hub import imagehub_check_token, imagehub_log_in
from lightbox_client.api.models import list_models
from lightbox_client.api.predictions import (
    create_prediction,
    delete_prediction,
    list_predictions,
    retrieve_prediction,
)
from lightbox_client.api.the_yelda import yelda_authorize, yelda_self
from lightbox_client.models import (
    AliveBody,
    CheXRaySignedUp,
    CheXRaySignUp,
    ChexrayUploadBody,
    CollectPictureJsonPictureSubmission,
    Covid19PredictBody,
    CreatedApiKey,
    CreatePredictionBody,
    DevicePage,
    FieldErrors,
    ImageHubHint,
    ImageHubLoggedIn,
    ImageHubLogIn,
    ModelList,
    NewApiKey,
    PictureBody,
    PredictBody,
    PredictionBody,
    PredictionList,
    Scope,
    UserBody,
    XRayBody,
    XRayQuery,
    YeldaAuthorization,
    YeldaLogIn,
    YeldaSelf,
)
from lightbox_client.types import File

Answer = TypeVar("Answer")


def expect(kind: type[Answer], answer: object) -> Answer:
    """The answer, which is of this kind."""
    assert isinstance(answer, kind), answer
    return answer


def picture() -> File:
    return File(BytesIO(PICTURE.read_bytes()), PICTURE.name, "image/png")


def chexray(url: str) -> None:
    stranger = Client(url)
    account = CheXRaySignUp(username="python", password="a password of a test", password2="a password of a test")
    token = expect(CheXRaySignedUp, chexray_sign_up.sync(client=stranger, body=account)).token
    expect(FieldErrors, chexray_sign_up.sync(client=stranger, body=account))
    client = AuthenticatedClient(url, token=token, prefix="Token")
    xray = expect(XRayBody, chexray_upload.sync(client=client, body=ChexrayUploadBody(picture(), "first")))
    user = expect(UserBody, chexray_user.sync(client=client))
    assert (user.username, user.pastxrays) == ("python", [xray.id])
    found = expect(XRayBody, chexray_xray.sync(client=client, body=XRayQuery(xray.id)))
    assert found.atelectasis == xray.atelectasis


def covid19(url: str) -> None:
    stranger = Client(url)
    expect(AliveBody, covid19_alive.sync(client=stranger))
    read = expect(PredictBody, covid19_predict.sync(client=stranger, body=Covid19PredictBody(picture())))
    assert read.result in read.distribution.additional_properties


def collection(client: AuthenticatedClient) -> None:
    data, taken_at = PICTURE.read_bytes(), datetime(2024, 8, 18, 2, 4, 7, tzinfo=UTC)
    body = CollectPictureJsonPictureSubmission("python", taken_at, b64encode(data).decode())
    sent = expect(PictureBody, collect_picture.sync("images", client=client, body=body))
    devices = expect(DevicePage, collection_devices.sync(client=client)).devices
    assert "python" in {device.device_id for device in devices}
    found = find_pictures.sync("images", client=client, device_id="python", timestamp=taken_at)
    for picture_file in (found, picture_by_id.sync("images", sent.id, client=client)):
        assert expect(File, picture_file).payload.read() == data


def imagehub(url: str, password: str) -> None:
    body = ImageHubLogIn("admin", password)
    token = expect(ImageHubLoggedIn, imagehub_log_in.sync(client=Client(url), body=body)).token
    answer = expect(ImageHubHint, imagehub_check_token.sync(client=AuthenticatedClient(url, token=token)))
    assert answer.code == 1


def yelda(url: str, password: str) -> AuthenticatedClient:
    authorized = expect(
        YeldaAuthorization, yelda_authorize.sync(client=Client(url), body=YeldaLogIn("admin", password))
    )
    client = AuthenticatedClient(url, token=authorized.access_token)
    assert expect(YeldaSelf, yelda_self.sync(client=client)).account_id == authorized.account_id
    return client


def predictions(client: AuthenticatedClient) -> None:
    assert "covid19" in {model.name for model in expect(ModelList, list_models.sync(client=client)).models}
    made, again = (
        expect(
            PredictionBody,
            create_prediction.sync(client=client, body=CreatePredictionBody(file=picture(), model="covid19")),
        )
        for _ in range(2)
    )
    assert expect(PredictionList, list_predictions.sync(client=client, limit=1)).predictions == [again]
    assert retrieve_prediction.sync(made.id, client=client) == made
    assert delete_prediction.sync_detailed(again.id, client=client).status_code == 204
    assert expect(PredictionList, list_predictions.sync(client=client)).predictions == [made]


def api_keys(url: str, client: AuthenticatedClient) -> None:
    body = NewApiKey(name="of a test", scopes=[Scope.PREDICT])
    made = expect(CreatedApiKey, create_api_key.sync(client=client, body=body))
    program = AuthenticatedClient(url, token=made.key, prefix="", auth_header_name="X-API-Key")
    assert len(expect(PredictionList, list_predictions.sync(client=program)).predictions) == 1
    assert revoke_api_key.sync_detailed(made.id, client=client).status_code == 204


URL, PASSWORD, PICTURE = sys.argv[1], sys.argv[2], Path(sys.argv[3])

if __name__ == "__main__":
    chexray(URL)
    covid19(URL)
    imagehub(URL, PASSWORD)
    administrator = yelda(URL, PASSWORD)
    predictions(administrator)
    collection(administrator)
    api_keys(URL, administrator)
    sys.stdout.write("one round of each system\n")
