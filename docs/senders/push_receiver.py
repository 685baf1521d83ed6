"""A gateway that takes push messages of civicrec: the signature, each key once, and what to answer when.

Standard library only. `python push_receiver.py --port 8790 --key-file push.key --store messages.sqlite`; in place of
`handed_on` your SMS, WeChat or mini-program provider is called. A recipient is the name that civicrec told your portal
when the person switched the channel on (`PUT /v1/me/subscriptions`).
"""

import argparse
import hashlib
import hmac
import json
import sqlite3
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WINDOW_S = 300


def is_signed(key: bytes, timestamp: str, signature: str, body: bytes) -> bool:
    """Say whether a request comes from who has the key, and is of these minutes."""
    expected = hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    try:
        is_fresh = abs(time.time() - float(timestamp)) <= WINDOW_S
    except ValueError:
        return False
    return is_fresh and hmac.compare_digest(signature, "sha256=" + expected)


def take(store: sqlite3.Connection, messages: list[dict]) -> list[dict]:
    """Keep messages whose key is new, durably, before anything is answered; return those that are new."""
    new = []
    with store:
        for message in messages:
            row = (message["key"], message["recipient"], json.dumps(message, ensure_ascii=False))
            new += [message] * store.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?)", row).rowcount
    return new


def handed_on(message: dict) -> None:
    """Hand a new message to the provider."""


class Gateway(BaseHTTPRequestHandler):
    """Takes ``POST`` of civicrec."""

    protocol_version = "HTTP/1.1"
    key = b""
    store = ""

    def do_POST(self) -> None:
        """Take the messages of one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        timestamp, signature = (self.headers.get(f"X-Civicrec-{name}", "") for name in ("Timestamp", "Signature"))
        if not is_signed(self.key, timestamp, signature, body):
            self.answer(401, {"error": "the signature is not that of this key, or older than five minutes"})
            return
        store = sqlite3.connect(self.store, timeout=10)
        try:
            new = take(store, json.loads(body)["messages"])
        finally:
            store.close()
        for message in new:
            handed_on(message)
        self.answer(200, {"refused": []})  # or [{"key": ..., "reason": "no such recipient"}]

    def answer(self, status: int, content: dict) -> None:
        """Answer with JSON."""
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing of requests: they name people."""


def main() -> None:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8790)
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--store", required=True)
    given = parser.parse_args()
    Gateway.key, Gateway.store = given.key_file.read_bytes().strip(), given.store
    with sqlite3.connect(given.store) as store:
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("CREATE TABLE IF NOT EXISTS messages (key TEXT PRIMARY KEY, recipient TEXT, message TEXT)")
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Gateway)
    print(f"listening on {server.server_address[1]}", flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main()
