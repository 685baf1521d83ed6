"""The baseline of the web benchmarks: FastAPI that says hello, on the server our endpoints run on.

Run as ``python -m operations.bench.hello PORT``; ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop
from fastapi import FastAPI
from granian.constants import Interfaces
from granian.server.embed import Server


async def serve(port: int) -> None:
    """Serve ``GET /hello`` until SIGTERM."""
    app = FastAPI()

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    server = Server(app, port=port, interface=Interfaces.ASGI, websockets=False, backlog=1024, log_enabled=False)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
