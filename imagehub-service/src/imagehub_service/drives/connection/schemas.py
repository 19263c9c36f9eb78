"""The connection with a drive on the wire."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class DriveConnection(BaseModel):
    """The drive of an administrator, and whether it can be used."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    drive: Literal["built-in", "onedrive"]
    """The built-in drive, which all administrators share, or an own OneDrive."""
    connected: bool
    """Whether its use was allowed; of the built-in drive it always is. Microsoft may have ended it since it was used
    last."""
