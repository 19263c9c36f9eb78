"""What is refused to readers, who must not see each other's labels."""

from annotation_service.errors import Refused


class LabelsHidden(Refused):
    """Readers do not see the labels of others."""

    code = "labels-hidden"
    default_detail = "The labels of an image are shown to administrators and to the expert who settles it."
