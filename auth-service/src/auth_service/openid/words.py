"""The words of the pages, in English and Chinese."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from auth_service.oauth_clients.scopes import EMAIL, OPENID, PROFILE
from auth_service.openid.errors import Unanswerable
from lightbox_shared.auth.principal import WHOLE_ACCOUNT, Scope


@dataclass(frozen=True, slots=True)
class Words:
    """The words in one language. `{}` stands for a name, a number or an address."""

    language: str
    sign_in: str
    sign_in_to: str
    username: str
    password: str
    passkey: str
    passkey_failed: str
    wrong_password: str
    awaiting_approval: str
    too_many_failures: str
    busy: str
    consent: str
    wants_to: str
    signed_in_as: str
    other_account: str
    allow: str
    deny: str
    goes_to: str
    sign_out: str
    want_to_sign_out: str
    signed_out: str
    cannot_go_on: str
    reasons: Mapping[Unanswerable, str]
    scopes: Mapping[str, str]


ENGLISH: Final = Words(
    language="en",
    sign_in="Sign in",
    sign_in_to="Sign in to go on to {}",
    username="Name",
    password="Password",  # noqa: S106 - a word
    passkey="Sign in with a passkey",
    passkey_failed="That did not work. Try again, or sign in with your password.",
    wrong_password="The name or the password is wrong.",  # noqa: S106 - a sentence
    awaiting_approval="This account waits for the approval of an administrator.",
    too_many_failures="Too many failed sign-ins. Please try again in {} seconds.",
    busy="Too many people are signing in at the moment. Please try again.",
    consent="{} asks for your permission",
    wants_to="If you allow it, it can:",
    signed_in_as="You are signed in as {}.",
    other_account="Use another account",
    allow="Allow",
    deny="Do not allow",
    goes_to="Afterwards you get to {}.",
    sign_out="Sign out",
    want_to_sign_out="Do you want to sign out?",
    signed_out="You are signed out.",
    cannot_go_on="This can't go on",
    reasons={
        Unanswerable.MALFORMED: "The address of this page can't be understood.",
        Unanswerable.UNKNOWN_CLIENT: "The application that sent you here is not registered.",
        Unanswerable.WRONG_REDIRECT_URI: "The application that sent you here wants you to return to an address that is "
        "not registered for it.",
    },
    scopes={
        OPENID: "know which account is yours",
        PROFILE: "see your name and your picture",
        EMAIL: "see your e-mail address",
        Scope.PREDICT: "have models read pictures for you, and see your pictures and their results",
        Scope.COLLECT: "send pictures to the collection, and see the pictures of all devices that you may see",
        Scope.ANNOTATE: "label pictures in your name, and see and manage the labelling as far as you may",
        Scope.HUB: "see and manage the gallery and its drive, as far as you may",
        Scope.READ: "see all pictures, results and labels that you may see",
        WHOLE_ACCOUNT: "do everything that you may do",
    },
)
CHINESE: Final = Words(
    language="zh",
    sign_in="登录",
    sign_in_to="登录后继续前往 {}",
    username="用户名",
    password="密码",  # noqa: S106 - a word
    passkey="使用通行密钥登录",
    passkey_failed="登录未成功。请重试，或使用密码登录。",
    wrong_password="用户名或密码错误。",  # noqa: S106 - a sentence
    awaiting_approval="该账号正在等待管理员审核。",
    too_many_failures="登录失败次数过多，请在 {} 秒后重试。",
    busy="目前登录人数过多，请重试。",
    consent="{} 请求您的授权",
    wants_to="如果您允许，它可以：",
    signed_in_as="您已登录为 {}。",
    other_account="使用其他账号",
    allow="允许",
    deny="不允许",
    goes_to="之后您将前往 {}。",
    sign_out="退出登录",
    want_to_sign_out="您要退出登录吗？",
    signed_out="您已退出登录。",
    cannot_go_on="无法继续",
    reasons={
        Unanswerable.MALFORMED: "无法识别此页面的地址。",
        Unanswerable.UNKNOWN_CLIENT: "将您带到此处的应用未注册。",
        Unanswerable.WRONG_REDIRECT_URI: "将您带到此处的应用要求返回一个未登记的地址。",
    },
    scopes={
        OPENID: "知道哪个账号是您的",
        PROFILE: "查看您的姓名和头像",
        EMAIL: "查看您的电子邮箱地址",
        Scope.PREDICT: "为您使用模型读片，并查看您的图片和结果",
        Scope.COLLECT: "向图像集发送图片，并查看您有权查看的所有设备的图片",
        Scope.ANNOTATE: "以您的名义标注图片，并在您的权限内查看和管理标注工作",
        Scope.HUB: "在您的权限内查看和管理图库及其网盘",
        Scope.READ: "查看您有权查看的所有图片、结果和标注",
        WHOLE_ACCOUNT: "进行您有权进行的一切操作",
    },
)
_LANGUAGES: Final = {"en": ENGLISH, "zh": CHINESE}


def words_for(accept_language: str | None, ui_locales: str = "") -> Words:
    """The words in the language that a client asks for (`ui_locales`, by blanks), else in the one that the browser
    prefers (RFC 9110 section 12.5.4), else in English."""
    for tag in ui_locales.split(" "):
        found = _LANGUAGES.get(_primary(tag))
        if found is not None:
            return found
    best, best_weight = ENGLISH, 0.0
    for element in (accept_language or "").split(","):
        tag, _, parameter = element.partition(";")
        found = _LANGUAGES.get(_primary(tag))
        weight = _weight(parameter)
        if found is not None and weight > best_weight:
            best, best_weight = found, weight
    return best


def _primary(tag: str) -> str:
    return tag.strip().lower().partition("-")[0]


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
