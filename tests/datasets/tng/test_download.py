"""Checks of fetching files, against a server here that speaks as TNG's does."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rimlens.datasets import http
from rimlens.datasets.tng import download
from rimlens.errors import FileFormatError, InputError

KEY = "0123abc"
CONTENT = bytes(range(256)) * 40


class Server(ThreadingHTTPServer):
    """Some files, what was asked for, and how often a transfer is to break off."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests, self.broken, self.refused, self.tells_length = [], 0, 0, True
        self.answers_ranges = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/api"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range")))
        path = self.path.partition("?")[0]
        if self.headers.get("api-key") != KEY:
            self.send_error(403)
        elif path == "/api/TNG100-1/snapshots/99/":
            self.send_json({"files": {"snapshot": f"{server.url}/TNG100-1/files/snapshot-99/"}})
        elif path.startswith("/api/TNG100-1/files/") and path.endswith("-99/"):
            stem = {"snapshot": "snap_099", "groupcat": "fof_subhalo_tab_099"}[path[20:-4]]
            names = [f"{server.url}/TNG100-1/files/{stem}.{i}.hdf5" for i in range(2)]
            self.send_json({"files": names})
        elif path.endswith("/halos/17/cutout.hdf5"):
            # As to the machine that holds the data.
            self.send_response(302)
            self.send_header("Location", f"{server.url}/data/cutout.hdf5?token=1")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path.endswith(".hdf5") and "/halos/" not in path:
            self.send_file()
        else:
            self.send_error(404)

    def send_json(self, content):
        content = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def send_file(self):
        server = self.server
        if server.refused:
            server.refused -= 1
            return self.send_error(503)
        first = 0
        if server.answers_ranges and (
            match := re.match(r"bytes=(\d+)-$", self.headers.get("Range") or "")
        ):
            first = int(match[1])
            if first >= len(CONTENT):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            self.send_response(200)
        if server.tells_length:
            self.send_header("Content-Length", str(len(CONTENT) - first))
        self.end_headers()
        stop = len(CONTENT)
        if server.broken:
            server.broken -= 1
            stop = first + 1000
        self.wfile.write(CONTENT[first:stop])
        self.close_connection = True
        return None


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(http, "_WAIT", 0.0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def fetched(server, folder, **wanted):
    return download("TNG100-1", 99, folder, key=KEY, url=server.url, **wanted)


def test_all_that_is_asked_for_is_fetched_whole(server, tmp_path):
    paths = fetched(server, tmp_path / "new", halos=[17], groups=True, offsets=True, chunks=True)
    assert [path.name for path in paths] == [
        "TNG100-1_099_halo_17.hdf5",
        "fof_subhalo_tab_099.0.hdf5",
        "fof_subhalo_tab_099.1.hdf5",
        "snap_099.0.hdf5",
        "snap_099.1.hdf5",
        "offsets.99.hdf5",
    ]
    assert all(path.read_bytes() == CONTENT for path in paths)
    assert sorted((tmp_path / "new").iterdir()) == sorted(paths)
    cutout = next(path for path, _ in server.requests if "cutout" in path)
    assert "dm=Coordinates" in cutout


def test_transfer_that_breaks_off_goes_on_where_it_stopped(server, tmp_path):
    server.broken = 2
    (path,) = fetched(server, tmp_path, offsets=True)
    assert path.read_bytes() == CONTENT
    ranges = [found for asked, found in server.requests if "offsets" in asked]
    assert ranges == [None, "bytes=1000-", "bytes=2000-"]


def test_second_call_goes_on_and_fetches_nothing_twice(server, tmp_path):
    server.broken = 5
    with pytest.raises(FileFormatError, match="10240 bytes are wanted, found 5000 after 5 tries"):
        fetched(server, tmp_path, offsets=True)
    assert [path.name for path in tmp_path.iterdir()] == ["offsets.99.hdf5.part"]
    (path,) = fetched(server, tmp_path, offsets=True)
    assert path.read_bytes() == CONTENT
    assert server.requests[-1][1] == "bytes=5000-"
    before = len(server.requests)
    fetched(server, tmp_path, offsets=True)
    assert len(server.requests) == before + 1  # what the snapshot is, and nothing else


def test_whole_part_needs_a_name_only_and_another_files_part_is_thrown_away(server, tmp_path):
    part = tmp_path / "offsets.99.hdf5.part"
    part.write_bytes(CONTENT)
    assert fetched(server, tmp_path, offsets=True)[0].read_bytes() == CONTENT
    (tmp_path / "offsets.99.hdf5").unlink()
    part.write_bytes(CONTENT + b"more")
    assert fetched(server, tmp_path, offsets=True)[0].read_bytes() == CONTENT


def test_server_that_knows_no_ranges_sends_everything(server, tmp_path):
    server.answers_ranges = False
    (tmp_path / "offsets.99.hdf5.part").write_bytes(b"x" * 100)
    assert fetched(server, tmp_path, offsets=True)[0].read_bytes() == CONTENT


def test_server_that_tells_no_length_is_believed(server, tmp_path):
    server.tells_length = False
    assert fetched(server, tmp_path, offsets=True)[0].read_bytes() == CONTENT


def test_server_that_is_busy_is_asked_again(server, tmp_path):
    server.refused = 2
    assert fetched(server, tmp_path, offsets=True)[0].read_bytes() == CONTENT
    (tmp_path / "offsets.99.hdf5").unlink()
    server.refused = 9
    with pytest.raises(InputError, match="the server says 503"):
        fetched(server, tmp_path, offsets=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"key": "wrong", "offsets": True}, "the key is refused"),
        ({"key": None, "offsets": True}, "key: the API key of your profile .* TNG_API_KEY"),
        (
            {"simulation": "TNG1000", "offsets": True},
            "TNG1000: a simulation of TNG with a snapshot",
        ),
        ({"halos": [3]}, r"halos/3/cutout.hdf5.*: there is nothing at this address"),
        ({}, "halos, groups, offsets, chunks: something to fetch is wanted"),
        ({"url": "ftp://127.0.0.1", "offsets": True}, "an address with https is wanted"),
        ({"url": "http://127.0.0.1:9", "offsets": True}, "cannot be reached"),
    ],
)
def test_what_cannot_be_fetched_is_told(server, tmp_path, arguments, message):
    call = {"simulation": "TNG100-1", "snapshot": 99, "folder": tmp_path, "key": KEY}
    with pytest.raises(InputError, match=message):
        download(**{**call, "url": server.url, **arguments})
    assert not any(tmp_path.iterdir())


def test_key_is_told_to_its_own_site_alone():
    request = http.urllib.request.Request(
        "https://www.tng-project.org/a", headers={"api-key": KEY}
    )
    redirected = http._SameSite().redirect_request

    def key_for(address):
        return redirected(request, None, 302, "Found", {}, address).get_header("Api-key")

    assert key_for("https://data.tng-project.org/a") == KEY
    assert key_for("https://elsewhere.org/a") is None
