"""What the examples of imagehub-service need in a platform: folders, files, uploads, additions, groups, pictures and
shared links."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from support.api_world import World
from support.yelda_client import Headers

Prepare = Callable[[World], dict[str, Any]]
PASSWORD: Final = "correct horse"


def folder(world: World) -> dict[str, Any]:
    """A new folder of the drive."""
    admin = world.admin
    before = _folders(world, admin)
    world.ok("GET", "/admin/onedrive/add-folder", params={"folder_name": "System"}, headers=admin)
    (made,) = set(_folders(world, admin)) - set(before)
    return {"folder_id": made}


def _folders(world: World, admin: Headers) -> dict[str, Any]:
    listed = world.ok("GET", "/admin/onedrive/folders", headers=admin)["folders"]
    return {key: value for key, value in listed.items() if isinstance(value, dict)}


def renaming(world: World) -> dict[str, Any]:
    return {"item_id": folder(world)["folder_id"]}


def upload(world: World) -> dict[str, Any]:
    """An upload session, and the header of a chunk that is the whole file."""
    made = folder(world)
    query = {**made, "file_name": "hand.png"}
    url = world.ok("GET", "/admin/onedrive/upload-session", params=query, headers=world.admin)["sessionUrl"]
    size = len(world.picture)
    return {
        **made,
        "token": urlsplit(url).path.rpartition("/")[2],
        "Content-Range": f"bytes 0-{size - 1}/{size}",
    }


def file_to_add(world: World) -> dict[str, Any]:
    begun = upload(world)
    headers = {"Content-Range": begun["Content-Range"]}
    item = world.ok("PUT", f"/image/upload-sessions/{begun['token']}", content=world.picture, headers=headers)
    files = [{"file_name": item["name"], "file_id": item["id"]}]
    added = {"all_image_id": files, "group": -1, "folder_name": "System"}
    return {"body": {"image_list": {begun["folder_id"]: added}}}


def addition(world: World) -> dict[str, Any]:
    """An addition that has ended, of one picture."""
    body = file_to_add(world)["body"]
    made = world.ok("POST", "/admin/add/image", json=body, headers=world.admin)
    assert made["code"] == 1, made
    return {"addition_id": made["addition"], "group": made["groups"][0]}


def picture(world: World) -> dict[str, Any]:
    """A picture of a group of its own, by each of its names."""
    number = addition(world)["group"]
    [found] = world.ok("GET", "/api/gallery/pictures", params={"group": number}, headers=world.admin)["pictures"]
    return {
        "picture_id": found["id"],
        "identifier": found["id"],
        "group": number,
        "group_id": number,
        "image_id": found["image_id"],
    }


def picture_to_delete(world: World) -> dict[str, Any]:
    known = picture(world)
    entry = {"folder_name": "System", "image_id": known["image_id"], "image_name": "hand.png"}
    return {"body": {"image_list": {str(known["group"]): [entry]}}}


def picture_to_move(world: World) -> dict[str, Any]:
    """A picture, and another one of the group."""
    first, second = picture(world), picture(world)
    _move(world, second["group"], first["picture_id"])
    return {
        "picture_id": first["picture_id"],
        "body": {"before": second["picture_id"], "after": second["picture_id"]},
    }


def _move(world: World, group: int, *pictures: int) -> None:
    path = f"/api/gallery/groups/{group}/pictures"
    world.ok("POST", path, json={"pictures": pictures}, headers=world.admin)


def pictures_for_a_group(world: World) -> dict[str, Any]:
    return {"group_id": _group(world), "body": {"pictures": [picture(world)["picture_id"] for _ in range(2)]}}


def _group(world: World) -> int:
    made = world.ok("POST", "/api/gallery/groups", json={"title": "Hands"}, headers=world.admin)
    return int(made["id"])


def group(world: World) -> dict[str, Any]:
    """A group without pictures."""
    return {"group_id": _group(world)}


def group_to_move(world: World) -> dict[str, Any]:
    other = _group(world)
    return {"group_id": _group(world), "body": {"before": other, "after": other}}


def groups_to_merge(world: World) -> dict[str, Any]:
    return {"group_id": _group(world), "body": {"from": [picture(world)["group"], _group(world)]}}


def group_with_cover(world: World) -> dict[str, Any]:
    known = picture(world)
    return {"group_id": known["group"], "body": {"cover": known["picture_id"]}}


def new_share(world: World) -> dict[str, Any]:
    return {"body": {"group": picture(world)["group"]}}


def share(world: World, **fields: str) -> dict[str, Any]:
    """A shared link to a group that has a picture."""
    body = {"group": picture(world)["group"], **fields}
    made = world.ok("POST", "/api/gallery/shares", json=body, headers=world.admin)
    return {"share_id": made["id"], "secret": urlsplit(made["link"]).path.rpartition("/")[2]}


def locked_share(world: World) -> dict[str, Any]:
    """One with the password of the example."""
    return share(world, password=PASSWORD)


PREPARED: Final[Mapping[str, Prepare]] = {
    "cancel_gallery_addition": addition,
    "cancel_upload_session": upload,
    "create_gallery_share": new_share,
    "delete_gallery_group": group,
    "delete_gallery_picture": picture,
    "gallery_addition_events": addition,
    "get_image_information": picture,
    "get_image_region": picture,
    "get_original_picture": picture,
    "imagehub_add_images": file_to_add,
    "imagehub_delete_folder": folder,
    "imagehub_delete_images": picture_to_delete,
    "imagehub_download": picture,
    "imagehub_group": picture,
    "imagehub_groups_with_images": picture,
    "imagehub_image": picture,
    "imagehub_low_image": picture,
    "imagehub_page": picture,
    "imagehub_picture_file": picture,
    "imagehub_rename": renaming,
    "imagehub_upload_session": folder,
    "list_gallery_additions": addition,
    "list_gallery_duplicates": picture,
    "list_gallery_groups": group,
    "list_gallery_pictures": picture,
    "list_gallery_shares": share,
    "list_shown_groups": picture,
    "list_shown_pictures": picture,
    "merge_gallery_groups": groups_to_merge,
    "move_gallery_group": group_to_move,
    "move_gallery_picture": picture_to_move,
    "move_gallery_pictures": pictures_for_a_group,
    "open_shared_group": share,
    "redirect_to_image_information": picture,
    "retrieve_gallery_addition": addition,
    "retrieve_gallery_group": group,
    "retrieve_gallery_picture": picture,
    "retrieve_gallery_share": share,
    "retrieve_shown_group": picture,
    "retrieve_shown_picture": picture,
    "retrieve_upload_session": upload,
    "revoke_gallery_share": share,
    "send_upload_chunk": upload,
    "unlock_shared_group": locked_share,
    "update_gallery_group": group_with_cover,
    "update_gallery_picture": picture,
    "update_gallery_share": share,
}
"""operationId -> what makes the example possible."""
