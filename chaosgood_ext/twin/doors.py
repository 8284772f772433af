"""Doors: how a browser, Locust and the AWS CLI get from the machine into the sandbox without a privilege.

A door is a listening socket of the machine's loopback, passed into the sandbox. Each connection is carried on
to an address as seen from one of the hosts: from the internet to the public load balancer, or inside the
monitoring host to its own loopback, as a Session Manager port forward does.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from chaosgood_ext.errors import TwinError
from chaosgood_ext.twin.hosts.hosts import Host

logger = logging.getLogger(__name__)

_CHUNK = 65536
_CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Door:
    """A listening socket of the machine, and where it leads: the host to connect from, and the address.

    Both are asked anew for every connection, since hosts come and go; None closes the connection at once.
    """

    name: str
    listener: socket.socket
    host: Callable[[], Host | None]
    address: Callable[[], tuple[str, int] | None]


def open_doors(doors: list[Door]) -> None:
    """Carry the connections of all `doors` from a thread of its own, for as long as the process lives."""
    threading.Thread(target=lambda: asyncio.run(_serve(doors)), name="doors", daemon=True).start()


async def _serve(doors: list[Door]) -> None:
    servers = [
        await asyncio.start_server(lambda r, w, door=door: _carry(door, r, w), sock=door.listener)  # type: ignore[misc]
        for door in doors
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _carry(door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        inner_reader, inner_writer = await _connect(door)
    except (OSError, TwinError, TimeoutError) as problem:
        logger.info("door %s leads nowhere: %s", door.name, problem)
        writer.transport.abort()
        return
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_pump(reader, inner_writer))
            both.create_task(_pump(inner_reader, writer))
    except* OSError:
        writer.transport.abort()
        inner_writer.transport.abort()
    finally:
        writer.close()
        inner_writer.close()


async def _connect(door: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, address = door.host(), door.address()
    if host is None or address is None:
        raise TwinError("there is nothing behind it.")
    sock = host.socket()
    sock.setblocking(False)
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            await asyncio.get_running_loop().sock_connect(sock, address)
            return await asyncio.open_connection(sock=sock)
    except BaseException:
        sock.close()
        raise


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes one way until their end, and pass the end on."""
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
