"""CheXRay as its clients know it, black box through the gateway: paths, fields, messages, codes."""

import concurrent.futures
import time
from datetime import datetime
from typing import Any

import httpx
import pytest
from support import pictures
from support.running import SignUp

FINDINGS = {"atelectasis", "cardiomegaly", "consolidation", "edema", "pleural_effusion"}
DUPLICATE = {"username": "A user with that username already exists"}
WRONG = {"non_field_errors": ["Unable to log in with provided credentials."]}
NO_TOKEN = {"detail": "Authentication credentials were not provided."}
BAD_TOKEN = {"detail": "Invalid token."}


def token(value: str) -> dict[str, str]:
    return {"Authorization": f"Token {value}"}


def picture(data: bytes | None = None, name: str = "chest.png") -> dict[str, tuple[str, bytes]]:
    return {"image": (name, pictures.png(300, 200) if data is None else data)}


def assert_xray(body: dict[str, Any], title: str, owner: int) -> None:
    links = {"image", "image_url", "heatmap_image"}
    assert set(body) == {"id", "title", "date_posted", "userperson"} | links | FINDINGS
    assert body["image"].startswith(f"/api/chexray/media/{body['id']}?key=")
    assert body["heatmap_image"].startswith(f"/api/chexray/media/{body['id']}/heatmap?key=")
    assert body["image_url"].partition("://")[2].partition("/")[2] == body["image"][1:]
    assert isinstance(body["id"], int)
    assert (body["title"], body["userperson"]) == (title, owner)
    assert all(isinstance(body[finding], float) and 0 <= body[finding] <= 1 for finding in FINDINGS)
    assert body["date_posted"].endswith("Z")
    assert datetime.fromisoformat(body["date_posted"]).tzinfo is not None


@pytest.mark.parametrize("form", ["json", "data", "multipart"])
@pytest.mark.parametrize("slash", ["/", ""])
def test_signing_up_and_in(http: httpx.Client, form: str, slash: str) -> None:
    name = f"dr-{form}-{len(slash)}"
    fields = {"username": name, "password": "secret", "password2": "secret"}

    def post(path: str, values: dict[str, str]) -> httpx.Response:
        if form == "multipart":
            return http.post(path + slash, files={key: (None, value) for key, value in values.items()})
        return http.post(path + slash, **{form: values})  # type: ignore[arg-type]  # `json=` or `data=`

    signed_up = post("/api/chexray/signup", fields)
    assert signed_up.status_code == 200
    assert signed_up.headers["content-type"] == "application/json"
    body = signed_up.json()
    assert set(body) == {"response", "username", "token"}
    assert (body["response"], body["username"]) == ("Successfully Signed Up", name)

    again = post("/api/chexray/signup", fields)
    assert (again.status_code, again.json()) == (400, DUPLICATE)

    login = post("/api/chexray/login", {"username": name, "password": "secret"})
    assert login.status_code == 200
    assert set(login.json()) == {"userid", "username", "token"}
    assert isinstance(login.json()["userid"], int)

    wrong = post("/api/chexray/login", {"username": name, "password": "wrong"})
    assert (wrong.status_code, wrong.json()) == (400, WRONG)


def test_signup_errors(http: httpx.Client) -> None:
    mismatch = http.post("/api/chexray/signup/", json={"username": "a1", "password": "x", "password2": "y"})
    assert (mismatch.status_code, mismatch.json()) == (400, {"password": "Passwords Must Match"})
    without = http.post("/api/chexray/signup/", json={"username": "without-second", "password": "x"})
    assert without.status_code == 200
    for body in ({}, {"username": ""}, {"username": "a\0b", "password": "x"}, {"username": 7, "password": ["x"]}):
        answer = http.post("/api/chexray/signup/", json=body)
        assert answer.status_code == 400, body
        assert all(isinstance(sentence, str) for sentence in answer.json().values()), answer.text
    for content in (b"[1]", b"7", b"{", b"[" * 30_000, b"\xff\xfe", b"{" * 100):
        answer = http.post("/api/chexray/signup/", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, content[:10]


def test_the_same_name_twice_at_the_same_moment(http: httpx.Client) -> None:
    for attempt in range(5):
        body = {"username": f"twin-{attempt}", "password": "pw"}
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda body: http.post("/api/chexray/signup/", json=body), [body] * 4))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
        assert all(answer.json() == DUPLICATE for answer in answers if answer.status_code == 400)


def test_nobody_logs_in_as_anonymous(http: httpx.Client) -> None:
    for password in ("", "anonymous", "None"):
        answer = http.post("/api/chexray/login/", json={"username": "anonymous", "password": password})
        assert answer.status_code == 400
    assert http.post("/api/chexray/signup/", json={"username": "Anonymous", "password": "x"}).json() == DUPLICATE


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/chexray/user/"), ("POST", "/api/chexray/xray/"), ("POST", "/api/chexray/upload/")],
)
def test_protected_paths_want_a_token(http: httpx.Client, method: str, path: str) -> None:
    for given, expected in (
        ({}, NO_TOKEN),
        (token("nonsense"), BAD_TOKEN),
        ({"Authorization": "Bearer a.b.c"}, BAD_TOKEN),
    ):
        answer = http.request(method, path, headers=given)
        assert (answer.status_code, answer.json()) == (401, expected)
        assert answer.headers["www-authenticate"] == "Token"


@pytest.mark.parametrize("scheme", ["Token", "Bearer", "token"])
def test_upload_history_and_details(http: httpx.Client, sign_up: SignUp, scheme: str) -> None:
    name, given = sign_up()
    http.headers["Authorization"] = f"{scheme} {given}"
    bodies = []
    for title in ("first", "", "胸部　X\u00a0\U0001f468\u200d\u2695\ufe0f", "Röntgen 胸片 " + "x" * 240):
        answer = http.post("/api/chexray/upload/", data={"title": title}, files=picture())
        assert answer.status_code == 201, answer.text
        bodies.append(answer.json())
        assert_xray(answer.json(), title, answer.json()["userperson"])
        assert "no medical device" in answer.headers["lightbox-notice"]
        about, prediction = answer.links["describedby"]["url"], answer.links["via"]["url"]
        assert httpx.get(str(http.base_url) + about).json()["demonstration"] is True
        assert http.get(prediction).json()["scores"].keys() >= {"Edema"}

    user = http.get("/api/chexray/user/")
    assert user.status_code == 200
    newest_first = [body["id"] for body in reversed(bodies)]
    assert user.json() == {"userid": bodies[0]["userperson"], "username": name, "pastxrays": newest_first}

    for body in bodies:
        for request in (
            {"json": {"xray_id": body["id"]}},
            {"data": {"xray_id": str(body["id"])}},
            {"json": {"id": body["id"]}},
        ):
            found = http.post("/api/chexray/xray/", **request)
            assert found.status_code == 200
            links = dict.fromkeys(("image", "image_url", "heatmap_image"), "")
            assert_xray(found.json(), body["title"], body["userperson"])
            assert {**found.json(), **links} == {**body, **links}


def test_somebody_elses_xray(http: httpx.Client, sign_up: SignUp) -> None:
    _, mine = sign_up()
    _, other = sign_up()
    xray_id = http.post("/api/chexray/upload/", data={"title": "t"}, files=picture(), headers=token(mine)).json()["id"]
    refused = http.post("/api/chexray/xray/", json={"xray_id": xray_id}, headers=token(other))
    assert (refused.status_code, refused.json()) == (403, {"response": "You don't have permission to view this."})


@pytest.mark.parametrize("xray_id", [10**9, 0, -1, 10**30, "999999999"])
def test_an_xray_that_is_not_there(http: httpx.Client, sign_up: SignUp, xray_id: Any) -> None:
    answer = http.post("/api/chexray/xray/", json={"xray_id": xray_id}, headers=token(sign_up()[1]))
    if isinstance(xray_id, int) and xray_id < 0:
        assert answer.status_code in {400, 404}
    else:
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


@pytest.mark.parametrize("xray_id", ["seven", None, [], {}, True, 1.5, "1" * 50])
def test_what_is_no_id(http: httpx.Client, sign_up: SignUp, xray_id: Any) -> None:
    answer = http.post("/api/chexray/xray/", json={"xray_id": xray_id}, headers=token(sign_up()[1]))
    assert answer.status_code == 400
    assert set(answer.json()) == {"xray_id"}


def test_anonymous_upload(http: httpx.Client, sign_up: SignUp) -> None:
    for headers in ({}, token(sign_up()[1]), token("stale")):
        answer = http.post("/api/chexray/anonupload/", data={"title": "open"}, files=picture(), headers=headers)
        assert answer.status_code == 201
        assert_xray(answer.json(), "open", 1)


def test_the_picture_can_be_loaded_without_a_header(http: httpx.Client, sign_up: SignUp) -> None:
    given = token(sign_up()[1])
    png, tiff = pictures.png(300, 200), pictures.encoded(pictures.GREY, "TIFF")
    for path, headers in (("/api/chexray/upload/", given), ("/api/chexray/anonupload/", {})):
        body = http.post(path, data={"title": ""}, files=picture(png), headers=headers).json()
        shown_as_sent = str(http.base_url).rstrip("/") + body["image"]  # as the published client writes it
        assert shown_as_sent == body["image_url"]
        loaded = httpx.get(shown_as_sent)
        assert (loaded.status_code, loaded.headers["content-type"], loaded.content) == (200, "image/png", png)
        assert loaded.headers["x-content-type-options"] == "nosniff"
        again = httpx.get(shown_as_sent, headers={"If-None-Match": loaded.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        for unseen in (pictures.dicom(), tiff):
            link = http.post(path, data={"title": ""}, files=picture(unseen), headers=headers).json()["image_url"]
            converted = httpx.get(link)
            assert converted.headers["content-type"] == "image/png"
            assert converted.content.startswith(b"\x89PNG")
        forged = shown_as_sent[:-4] + ("aaaa" if not shown_as_sent.endswith("aaaa") else "bbbb")
        assert httpx.get(forged).status_code == 404


def test_the_heatmap_can_be_loaded_without_a_header(http: httpx.Client, sign_up: SignUp) -> None:
    """By the published client's `<img src=HOST + heatmap_image>`; of the bundled model, so it is more than the
    picture."""
    host, given = str(http.base_url).rstrip("/"), token(sign_up()[1])
    for path, headers in (("/api/chexray/upload/", given), ("/api/chexray/anonupload/", {})):
        for data in (pictures.png(300, 200), pictures.dicom(), pictures.encoded(pictures.GREY, "TIFF")):
            body = http.post(path, data={"title": ""}, files=picture(data), headers=headers).json()
            drawn = []
            for finding in sorted(FINDINGS):
                loaded = httpx.get(f"{host}{body['heatmap_image']}&finding={finding}")
                assert (loaded.status_code, loaded.headers["content-type"]) == (200, "image/png")
                assert "no medical device" in loaded.headers["lightbox-notice"]
                drawn.append(loaded.content)
            by_default = httpx.get(host + body["heatmap_image"]).content
            likeliest = max(sorted(FINDINGS), key=body.__getitem__)
            assert by_default == drawn[sorted(FINDINGS).index(likeliest)]
            assert len(set(drawn)) == len(FINDINGS)
            refused = httpx.get(f"{host}{body['heatmap_image']}&finding=fracture")
            assert (refused.status_code, set(refused.json())) == (400, {"finding"})
            assert httpx.get(host + body["heatmap_image"][:-4]).status_code == 404


@pytest.mark.parametrize("model", ["chest-findings", "covid19"])
def test_the_heatmap_of_a_prediction(http: httpx.Client, sign_up: SignUp, model: str) -> None:
    http.headers.update(token(sign_up()[1]))
    files = {"file": ("x", pictures.png(300, 200))}
    made = http.post("/api/predictions", data={"model": model}, files=files).json()
    likeliest = max(made["scores"], key=made["scores"].__getitem__)
    path = f"/api/predictions/{made['id']}/heatmap"
    drawn = {label: http.get(path, params={"finding": label}).content for label in made["scores"]}
    assert all(each.startswith(b"\x89PNG") for each in drawn.values())
    assert http.get(path + "/").content == drawn[likeliest]
    refused = http.get(path, params={"finding": "Fracture"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "finding")
    http.headers.update(token(sign_up()[1]))
    assert http.get(path).status_code == 404


def test_the_same_bytes_give_the_same_numbers(http: httpx.Client, sign_up: SignUp) -> None:
    given = token(sign_up()[1])

    def upload(_: int) -> list[float]:
        body = http.post("/api/chexray/upload/", data={"title": ""}, files=picture(), headers=given).json()
        return [body[finding] for finding in sorted(FINDINGS)]

    alone = upload(0)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        together = list(pool.map(upload, range(12)))
    assert all(numbers == alone for numbers in together)


def test_records_can_be_read_back(http: httpx.Client, sign_up: SignUp) -> None:
    http.headers.update(token(sign_up()[1]))
    body = http.post("/api/chexray/upload/", data={"title": ""}, files=picture()).json()
    page = http.get("/api/predictions").json()
    (record,) = page["predictions"]
    assert page["next_cursor"] is None
    assert sorted(record["scores"].values()) == sorted(body[finding] for finding in FINDINGS)
    assert record["input_sha256"] == pictures.sha256_hex(pictures.png(300, 200))
    assert record["model"].startswith("chest-findings/")
    assert http.get(f"/api/predictions/{record['id']}").json() == record
    again = http.post(
        "/api/predictions", data={"model": record["model"]}, files={"file": ("x", pictures.png(300, 200))}
    )
    assert again.status_code == 201
    assert again.json()["scores"] == record["scores"]
    first = http.get("/api/predictions?limit=1").json()
    second = http.get("/api/predictions", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert [first["predictions"][0]["id"], second["predictions"][0]["id"]] == [again.json()["id"], record["id"]]
    assert http.get("/api/predictions?cursor=nonsense").status_code == 422


def test_a_record_can_be_deleted(http: httpx.Client, sign_up: SignUp) -> None:
    """Its X-ray goes with it, and nothing else of the account."""
    http.headers.update(token(sign_up()[1]))
    kept, gone = (http.post("/api/chexray/upload/", data={"title": ""}, files=picture()).json() for _ in range(2))
    record = f"/api/predictions/{http.get('/api/predictions').json()['predictions'][0]['id']}"
    stranger = token(sign_up()[1])
    assert http.delete(record, headers=stranger).status_code == 404
    answer = http.delete(record)
    assert (answer.status_code, answer.content) == (204, b"")
    assert http.delete(record).status_code == 404
    assert http.get("/api/chexray/user/").json()["pastxrays"] == [kept["id"]]
    missing = http.post("/api/chexray/xray/", json={"xray_id": gone["id"]})
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not found."})
    for link in ("image", "heatmap_image"):
        assert httpx.get(str(http.base_url.join(gone[link]))).status_code == 404
        assert httpx.get(str(http.base_url.join(kept[link]))).status_code == 200


BAD_PICTURES = {
    "empty": b"",
    "text named .png": b"I am a text file",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "truncated jpeg": pictures.encoded(pictures.GREY, "JPEG")[:-100],
    "truncated png": pictures.png()[:-40],
    "truncated dicom": pictures.dicom()[:-1000],
    "png of 60,000 x 60,000": pictures.png_claiming(60_000, 60_000),
    "bomb in tiff": pictures.tiff_with_bomb(60_000),
    "gif of 10,000 frames": pictures.gif(10_000),
    "dicom without pixels": pictures.dicom_without_pixels(),
}


@pytest.mark.parametrize("what", BAD_PICTURES)
@pytest.mark.parametrize("path", ["/api/chexray/upload/", "/api/chexray/anonupload/"])
def test_bad_pictures_lose_nothing(http: httpx.Client, sign_up: SignUp, what: str, path: str) -> None:
    http.headers.update(token(sign_up()[1]))
    kept = http.post("/api/chexray/upload/", data={"title": "kept"}, files=picture()).json()
    refused = http.post(path, data={"title": "t"}, files=picture(BAD_PICTURES[what]))
    assert refused.status_code == 400
    assert set(refused.json()) == {"image"}
    assert isinstance(refused.json()["image"], str)
    assert http.get("/api/chexray/user/").json()["pastxrays"] == [kept["id"]]
    assert httpx.get(kept["image_url"]).content == pictures.png(300, 200)


def test_missing_file_and_bad_titles(http: httpx.Client, sign_up: SignUp) -> None:
    http.headers.update(token(sign_up()[1]))
    for request in (
        {"data": {"title": "t"}},
        {"json": {"title": "t", "image": "x"}},
        {"files": {"title": (None, "t")}},
    ):
        answer = http.post("/api/chexray/upload/", **request)
        assert (answer.status_code, answer.json()) == (400, {"image": "No file was submitted."})
    for title in ("x" * 256, "x" * 300, "bell\x07", "nul\0", "line\nend"):
        answer = http.post("/api/chexray/upload/", data={"title": title}, files=picture())
        assert answer.status_code == 400
        assert set(answer.json()) == {"title"}
    assert http.get("/api/chexray/user/").json()["pastxrays"] == []


def test_a_file_over_the_limit(http: httpx.Client, sign_up: SignUp) -> None:
    http.headers.update(token(sign_up()[1]))
    answer = http.post(
        "/api/chexray/upload/", data={"title": "t"}, files=picture(b"\x89PNG" + b"\0" * 21 * 1024 * 1024)
    )
    assert answer.status_code == 413
    just_over = http.post("/api/chexray/upload/", data={"title": ""}, files=picture(b"\xff" * (20 * 1024 * 1024 + 1)))
    assert just_over.status_code == 413
    assert http.get("/api/chexray/user/").status_code == 200


def test_multipart_cut_in_the_middle(http: httpx.Client, sign_up: SignUp) -> None:
    given = {**token(sign_up()[1]), "Content-Type": "multipart/form-data; boundary=b"}
    whole = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n' + pictures.png()
    for body in (whole, whole[:60], b"--b\r\n", b"", b"--other--\r\n"):
        answer = http.post("/api/chexray/upload/", content=body, headers=given)
        assert answer.status_code == 400, body
    answer = http.post("/api/chexray/upload/", content=whole, headers={**given, "Content-Type": "multipart/form-data"})
    assert answer.status_code == 400


def test_wrong_methods_and_unknown_paths(http: httpx.Client, sign_up: SignUp) -> None:
    given = token(sign_up()[1])
    wrong = http.get("/api/chexray/login/")
    assert wrong.status_code == 405
    assert set(wrong.json()) == {"detail"}
    assert http.delete("/api/chexray/user/", headers=given).status_code == 405
    assert http.get("/api/chexray/nothing/", headers=given).status_code == 404


def test_a_revoked_session_ends_within_five_seconds(http: httpx.Client, sign_up: SignUp) -> None:
    given = token(sign_up()[1])
    assert http.delete("/api/sessions/current", headers=given).status_code == 204
    deadline = time.monotonic() + 5
    while http.get("/api/chexray/user/", headers=given).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert http.get("/api/chexray/user/", headers=given).json() == BAD_TOKEN
