from support.imagehub import Hub


async def test_x(hub: Hub) -> None:
    a = await hub.http.get("/admin/onedrive/add-folder", params={"folder_name": "System"}, headers=hub.admin)
    print(a.text)
    a = await hub.http.get("/admin/onedrive/folders", headers=hub.admin)
    print(a.text)
    fid = next(iter(a.json()["folders"]))
    a = await hub.http.get(
        "/admin/onedrive/upload-session", params={"folder_id": fid, "file_name": "a.png"}, headers=hub.admin
    )
    print(a.text)
    url = a.json()["sessionUrl"]
    d = bytes(range(256)) * 1280 * 3 + b"x"
    U = 327680
    n = len(d)
    for s, e in ((0, U), (U, 3 * U), (3 * U, n)):
        a = await hub.http.put(url, content=d[s:e], headers={"Content-Range": f"bytes {s}-{e - 1}/{n}"})
        print(a.status_code, a.text)
        a = await hub.http.get(url)
        print(a.status_code, a.text)
    a = await hub.http.get("/admin/onedrive/folders", headers=hub.admin)
    print(a.text)
