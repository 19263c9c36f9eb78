"""The request and response bodies of `/api/predictions`."""

import unicodedata
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from inference_service.predictions.models import Prediction, PredictionLabel
from inference_service.predictions.notice import NOTICE
from lightbox_shared.errors.sentences import CONTROL_CHARACTERS
from lightbox_shared.images import PictureInfo
from lightbox_shared.images.windows import GreyValues, Window, WindowFunction

LONGEST_TITLE: Final = 255


def _without_control_characters(title: str) -> str:
    if any(unicodedata.category(each) == "Cc" for each in title):
        raise ValueError(CONTROL_CHARACTERS)
    return title


PlainText = AfterValidator(_without_control_characters)
Title = Annotated[str, Field(max_length=LONGEST_TITLE, description="What it is called.", examples=["PA"]), PlainText]
ModelName = Annotated[
    str, Field(description="`name` or `name/version`; `/api/models` lists them.", examples=["covid19"])
]


class PredictionFields(BaseModel):
    """The text fields of a request for a prediction."""

    model: ModelName
    title: Title = ""


class InternalPredictionFields(BaseModel):
    """The same where another service asks for an account."""

    model: ModelName
    account_id: Annotated[int, Field(ge=1, lt=2**63, description="The account that the prediction belongs to.")]


class LabelFields(BaseModel):
    """The label of a picture, which another service tells."""

    fields: Annotated[dict[str, Any], Field(description="The values of the label by field.")]
    scheme: Annotated[str, Field(min_length=1, max_length=300, examples=["ophthalmology/1"])]
    source_id: Annotated[int, Field(ge=1, lt=2**63, description="The id of the label in that service.")]
    labelled_at: AwareDatetime


class PredictionLabelBody(BaseModel):
    """What people have found out about the picture, to compare the prediction with."""

    fields: Annotated[dict[str, Any], Field(description="The values of the label by field.")]
    scheme: Annotated[str, Field(description="The label scheme, as name/version.", examples=["ophthalmology/1"])]
    source: Annotated[str, Field(description="The service that has the label.", examples=["annotation-service"])]
    source_id: Annotated[int, Field(description="The id of the label there.")]
    labelled_at: datetime

    @classmethod
    def of(cls, row: PredictionLabel) -> Self:
        """The body for a row of the table."""
        return cls(
            fields=row.fields,
            scheme=row.scheme,
            source=row.source,
            source_id=row.source_id,
            labelled_at=row.labelled_at,
        )


class PredictionBody(BaseModel):
    """A prediction, with everything that is necessary to repeat it."""

    model_config = ConfigDict(protected_namespaces=())

    id: int
    title: Annotated[str, Field(description="What it was called at the upload; may be empty.")]
    created_at: datetime
    input_sha256: Annotated[str, Field(description="SHA-256 of the uploaded bytes, hexadecimal.")]
    media_type: str
    picture: Annotated[
        str | None,
        Field(
            description="The path of the picture as browsers show it. Null where the picture is not kept here.",
            examples=["/api/predictions/7/picture"],
        ),
    ]
    heatmap: Annotated[
        str | None,
        Field(
            description="The path of the heatmap. Null where the picture is not kept here, the model makes none, or it "
            "is not installed any more.",
            examples=["/api/predictions/7/heatmap"],
        ),
    ]
    model: Annotated[str, Field(description="name/version")]
    model_sha256: str
    preprocessing_version: str
    thresholds: dict[str, float]
    scores: dict[str, float]
    label: Annotated[
        PredictionLabelBody | None, Field(description="The ground truth, once people have labelled the picture.")
    ] = None
    notice: str = NOTICE

    @classmethod
    def of(cls, row: Prediction, label: PredictionLabel | None = None, *, has_heatmap: bool = False) -> Self:
        """The body for a row of the table."""
        path = f"/api/predictions/{row.id}"
        return cls(
            id=row.id,
            title=row.title,
            created_at=row.created_at,
            input_sha256=row.input_sha256.hex(),
            media_type=row.media_type,
            picture=None if row.picture_sha256 is None else f"{path}/picture",
            heatmap=f"{path}/heatmap" if has_heatmap else None,
            model=f"{row.model_name}/{row.model_version}",
            model_sha256=row.model_sha256.hex(),
            preprocessing_version=row.preprocessing_version,
            thresholds=row.thresholds,
            scores=row.scores,
            label=None if label is None else PredictionLabelBody.of(label),
        )


class PredictionList(BaseModel):
    """A page of predictions, newest first."""

    predictions: list[PredictionBody]
    next_cursor: str | None


class WindowBody(BaseModel):
    """A window, as the query `window` of the picture names it."""

    center: float
    width: float
    function: WindowFunction
    explanation: Annotated[
        str, Field(description="What the file says it is for (0028,1055); empty if it does not.", examples=["LUNG"])
    ]

    @classmethod
    def of(cls, window: Window, explanation: str = "") -> Self:
        """The body of a window."""
        return cls(center=window.center, width=window.width, function=window.function, explanation=explanation)


class PictureValuesBody(BaseModel):
    """What a viewer has to know of a picture to offer windows."""

    columns: Annotated[int, Field(description="Pixels in a row of the upright picture.")]
    rows: int
    windowed: Annotated[
        bool, Field(description="Whether a window applies: to grey pictures in DICOM, or of more than 8 bits a sample.")
    ]
    lowest: Annotated[
        float | None, Field(description="The lowest value that occurs, in the units of a window; null without one.")
    ]
    highest: Annotated[float | None, Field(description="The highest, likewise.")]
    shown: Annotated[
        WindowBody | None,
        Field(
            description="The window with which the picture is shown where the query names none: the first of the file, "
            "or the whole range that values can have. Null for a VOI LUT, which is none, and where the numbers of the "
            "file leave a range that no window can have."
        ),
    ]
    windows: Annotated[list[WindowBody], Field(description="The windows in the file.")]

    @classmethod
    def of(cls, info: PictureInfo, grey: GreyValues | None) -> Self:
        """The body of a picture, and of the values to which a window applies."""
        if grey is None:
            return cls(
                columns=info.width,
                rows=info.height,
                windowed=False,
                lowest=None,
                highest=None,
                shown=None,
                windows=[],
            )
        return cls(
            columns=info.width,
            rows=info.height,
            windowed=True,
            lowest=grey.lowest,
            highest=grey.highest,
            shown=None if grey.shown is None else WindowBody.of(grey.shown),
            windows=[WindowBody.of(each.window, each.explanation) for each in grey.windows],
        )
