"""A webhook receiver as EvoLink's tutorial writes one: it checks that the id begins with `task-unified-` and
that four fields are there, and knows of no signatures. Prints its address, then a line of JSON for each call.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REQUIRED = ("id", "status", "model", "created")


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        missing = [field for field in REQUIRED if field not in payload]
        good = not missing and payload["id"].startswith("task-unified-")
        self.send_response(200 if good else 400)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"received": good}).encode())
        line = {"good": good, "missing": missing, "path": self.path}
        if good and payload["status"] == "completed":
            line["video"] = payload["results"][0]
        if good and payload["status"] == "failed":
            line["why"] = payload["error"]["message"]
        print(json.dumps({**line, "id": payload.get("id"), "status": payload.get("status")}), flush=True)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    print(json.dumps({"address": "http://127.0.0.1:%d" % server.server_port}), flush=True)
    server.serve_forever()
