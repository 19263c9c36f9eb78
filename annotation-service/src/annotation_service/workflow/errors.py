"""What the workflow refuses, in the words that TheYelda's clients know."""

from annotation_service.errors import Contradiction, Missing, Refused


class NoSuchJob(Missing):
    """There is no such job."""

    default_detail = "任务不存在"


class NoSuchImage(Missing):
    """There is no such image."""

    default_detail = "图片不存在"


class NotTheDoctor(Refused):
    """A job is edited by its doctor alone."""

    code = "not-the-reader"
    default_detail = "用户无法修改他人任务"


class JobIsFinished(Refused):
    """A finished job is not edited."""

    code = "job-is-finished"
    default_detail = "用户无法修改已完成的任务"


class LabelOfSomeoneElse(Refused):
    """The label in a job has another author."""

    code = "label-of-another"
    default_detail = "用户无法使用其他用户的标注信息"


class JobMovesBack(Contradiction):
    """A job goes from unlabeled to labeling to finished, and never back."""

    code = "job-moves-back"
    default_detail = "任务状态无法回退"


class NoLabel(Contradiction):
    """A job without a label can't be finished."""

    code = "no-label"
    default_detail = "任务完成前需要标注信息"


class LabelInUse(Contradiction):
    """Another job carries the label."""

    code = "label-in-use"
    default_detail = "该标注信息已用于其他任务"


class WrongScheme(Contradiction):
    """The label was made for another scheme than the image's."""

    code = "wrong-scheme"
    default_detail = "标注信息与图片的标注方案不符"


class DoctorHasJob(Contradiction):
    """One image goes to one doctor at most once."""

    code = "doctor-has-job"
    default_detail = "该医生已有此图片的任务"


class ImageIsSettled(Contradiction):
    """Jobs are made for unassigned and running images only."""

    code = "image-is-settled"
    default_detail = "图片当前状态无法创建任务"


class ImageMovesWrongly(Contradiction):
    """An administrator settles different images, and corrects the ground truth of done ones; nothing else."""

    code = "image-moves-wrongly"
    default_detail = "图片状态无法这样修改"


class NotItsLabel(Contradiction):
    """The ground truth is the label of a finished job of the image, or the administrator's own."""

    code = "not-its-label"
    default_detail = "该标注信息不属于此图片"


class ImageHasJobs(Contradiction):
    """An image with jobs is not deleted."""

    code = "image-has-jobs"
    default_detail = "图片已有任务，无法删除"
