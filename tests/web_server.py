"""A server of files on this machine that gives parts of them, or breaks off, as servers do."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """What a server has, and how it behaves.

    Attributes
    ----------
    files : dict of str to bytes
        By path.
    breaks_after : int or None
        How many bytes of a file it gives before it breaks off.
    ranges : bool
        Whether it gives parts.
    asked : list of tuple
        Paths and ranges of all requests.
    """

    def __init__(self):
        self.files, self.breaks_after, self.ranges, self.asked, self.address = (
            {},
            None,
            True,
            [],
            "",
        )

    def add_record(self, path, name, content, **changes):
        """Add a file and a record of it in Zenodo's form."""
        self.files[f"/files/{name}"] = content
        entry = {
            "key": name,
            "size": len(content),
            "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
            "links": {"self": f"{self.address}/files/{name}"},
            **changes,
        }
        other = {"key": "README", "size": 1, "checksum": "md5:", "links": {}}
        self.files[path] = json.dumps({"id": 1, "files": [other, entry]}).encode()
        return self.address + path


@contextmanager
def web_server():
    """Run a server and give its site."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            site.asked.append((self.path, wanted))
            content = site.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            first = 0
            if wanted and site.ranges:
                first = int(wanted.removeprefix("bytes=").rstrip("-"))
                whole = len(content)
                if first >= whole:
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{whole}")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{whole - 1}/{whole}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content) - first))
            self.end_headers()
            part = content[first:]
            if site.breaks_after is not None and self.path.startswith("/files/"):
                part = part[: site.breaks_after]
            self.wfile.write(part)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
