"""Requests to ImageHub's public pages and deletions, as its web page sends them."""

from typing import Any

from support.imagehub import Hub


async def get(hub: Hub, path: str, **params: Any) -> Any:
    answer = await hub.http.get(path, params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    return answer.json()


async def delete(hub: Hub, *pictures: tuple[Any, Any]) -> Any:
    listed: dict[str, Any] = {}
    for group, image_id in pictures:
        listed.setdefault(str(group), []).append({"folder_name": "System", "image_id": image_id, "image_name": "x"})
    answer = await hub.http.post("/admin/delete/image", json={"image_list": listed}, headers=hub.admin)
    assert answer.status_code == 200
    return answer.json()


async def groups_of(hub: Hub, page: int = 1) -> list[int]:
    body = await get(hub, "/image/page", page=page)
    return [each["group"] for each in body.get("data", ())]
