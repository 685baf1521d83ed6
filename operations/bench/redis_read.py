"""The baseline of the list benchmark: FastAPI with one pipelined Redis read of three commands, on the same server.

Run as ``python -m operations.bench.redis_read PORT``; ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from granian.constants import Interfaces
from granian.server.embed import Server
from redis.asyncio import Redis

from civicrec.settings import RedisSettings, load_settings
from profiles.online.redis_keys import disliked_key, recent_key, tags_key


async def serve(port: int, redis: RedisSettings) -> None:
    """Serve ``GET /read?anonymous_id=`` until SIGTERM."""
    app = FastAPI()
    client: Redis = Redis(
        host=redis.endpoint.host, port=redis.endpoint.port, password=redis.password.get_secret_value()
    )

    @app.get("/read")
    async def read(request: Request) -> Response:
        actor = request.query_params["anonymous_id"]
        pipeline: Any = client.pipeline(transaction=False)
        pipeline.zrevrange(recent_key(actor), 0, 49)
        pipeline.get(tags_key(actor))
        pipeline.zrange(disliked_key(actor), 0, -1)
        recent, tags, disliked = await pipeline.execute()
        body = {"recent": [one.decode() for one in recent], "tags": bool(tags), "disliked": len(disliked)}
        return Response(msgspec.json.encode(body), media_type="application/json")

    server = Server(app, port=port, interface=Interfaces.ASGI, websockets=False, backlog=1024, log_enabled=False)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), load_settings().redis))
