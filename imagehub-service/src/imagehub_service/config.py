"""The settings of imagehub-service."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from imagehub_service.visibility import Visibility
from lightbox_shared.config import Settings

MB = 1024 * 1024
GB = 1024 * MB


class ImageHubSettings(Settings):
    """Which drive there is, who sees the gallery, and what is kept in memory."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    gallery_visibility: Visibility | None = None
    """Who may see the gallery; by default public in development, and for accounts that are signed in in production."""
    keep_metadata: bool = False
    """Whether pictures are shown with their metadata (EXIF with places and times, XMP, IPTC, comments)."""

    drive_bytes: Annotated[int, Field(ge=MB)] = 100 * GB
    """How much the built-in drive holds."""
    max_drive_file_bytes: Annotated[int, Field(ge=1, le=512 * MB)] = 100 * MB
    """The largest file of the built-in drive."""
    upload_session_seconds: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] = 24 * 3600
    """How long an upload session stays open after its last chunk."""

    onedrive_client_id: str = ""
    """The id of the application that is registered at Microsoft. With it and its secret, OneDrive is the drive."""
    onedrive_client_secret: SecretStr = SecretStr("")
    onedrive_redirect_uri: str = "http://localhost:3000/connect/onedrive/auth"
    """Where Microsoft sends the administrator after the consent, as it is registered there."""
    onedrive_root_folder: str = ""
    """The id of the folder whose folders are shown; by default the root of the drive."""
    onedrive_authority: str = "https://login.microsoftonline.com/common"
    """The authority of Microsoft's identity platform: other clouds and tenants have others."""
    onedrive_graph_url: str = "https://graph.microsoft.com/v1.0"
    """The root of Microsoft Graph; national clouds have others."""

    adding_threads: Annotated[int, Field(ge=1, le=64)] = 2
    """How many pictures that are being added are decoded at the same time."""
    page_cache_bytes: Annotated[int, Field(ge=0)] = 32 * MB
    """Bytes of finished pages of the gallery that are kept in memory; 0 for none."""
    rendering_threads: Annotated[int, Field(ge=1, le=64)] = 2
    """How many pictures that are being looked at are decoded, scaled or encoded at the same time."""
    decoded_picture_bytes: Annotated[int, Field(ge=0)] = 256 * MB
    """Bytes of decoded pictures that are kept in memory for those who zoom into them; 12 megapixels take 48 MB."""
    rendition_cache_bytes: Annotated[int, Field(ge=0)] = 64 * MB
    """Bytes of answers with pictures that are kept in memory and given again; 0 for none."""

    @property
    def visibility(self) -> Visibility:
        """Who may see the gallery."""
        return self.gallery_visibility or (Visibility.ACCOUNTS if self.in_production else Visibility.PUBLIC)

    @property
    def has_onedrive(self) -> bool:
        """Whether OneDrive is the drive, in place of the built-in one."""
        return bool(self.onedrive_client_id and self.onedrive_client_secret.get_secret_value())

    def open_to_strangers(self) -> tuple[str, ...]:
        """Looking at the gallery."""
        if self.visibility is not Visibility.PUBLIC:
            return ()
        return ("Anybody may look at the gallery (LIGHTBOX_GALLERY_VISIBILITY).",)
