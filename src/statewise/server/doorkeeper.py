"""A process that turns requests away, so that saying no takes nothing of the time of those who answer.

    python doorkeeper.py CHANNEL BOARD IDLE_SECONDS

A server hands connections over while it is full. It has each back, with what came over it, as soon as there is room, or
where that is anything but one plain request for work. This file is run by itself, and needs nothing but the standard
library. `server/doorway.py` is the other side.
"""

import ctypes
import mmap
import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from enum import IntEnum
from typing import final

ASKS_WORK = (b"POST /v1/", b"GET /v1/", b"DELETE /v1/")
LENGTH, CONNECTION = b"\r\ncontent-length: ", b"\r\nconnection: "
MOST_BYTES = 16 << 10
"What is longer than this, or not there whole, is for the server to judge."
MOST_MESSAGE = 3 * MOST_BYTES

WISH, BACK = struct.Struct("=QB"), struct.Struct("=QI?")
"A connection's number, and what is wanted of it; its number, how many bytes follow, and if they were let in."
LOOK_SECONDS = 1.0
"So often it is looked which connections are idle."


class Wish(IntEnum):
    """What a server wants of a connection."""

    WATCH = 0
    FORGET = 1


@final
class Board(ctypes.Structure):
    """Three numbers, each written by one process and seen by both where they lie in memory that both share.

    `room` is for how many more the server has room, `arrived` how many requests that were let in have come there,
    `turned_away` how many were refused by the doorkeeper.
    """

    room: int
    arrived: int
    turned_away: int
    _fields_ = (("room", ctypes.c_int64), ("arrived", ctypes.c_int64), ("turned_away", ctypes.c_int64))

    @classmethod
    def of(cls, file: int) -> "Board":
        """Return the one that lies in a file."""
        return cls.from_buffer(mmap.mmap(file, ctypes.sizeof(cls)))


def whole_request(data: bytes) -> bool:
    """Tell whether these bytes are one plain request for work, from its first byte to its last.

    >>> whole_request(b"POST /v1/sessions HTTP/1.1\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    True
    >>> whole_request(b"GET /livez HTTP/1.1\\r\\n\\r\\n"), whole_request(b"POST /v1/sessions HTTP/1.1\\r\\nContent-Le")
    (False, False)
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or not data.startswith(ASKS_WORK):
        return False
    head = data[:end].lower()
    if b" http/1.1\r\n" not in head or b"\r\ntransfer-encoding:" in head or b"\r\nexpect:" in head:
        return False
    at = head.find(CONNECTION)
    if at >= 0 and not head.startswith(b"keep-alive", at + len(CONNECTION)):
        return False
    at = head.find(LENGTH)
    length = head[at + len(LENGTH) :].partition(b"\r")[0] if at >= 0 else b"0"
    return length.isdigit() and len(data) == end + 4 + int(length[:9])


@final
class Watched:
    """A connection that waits here."""

    __slots__ = ("client", "heard_at", "number")

    def __init__(self, number: int, client: socket.socket) -> None:
        self.number, self.client, self.heard_at = number, client, 0.0


@final
class Doorkeeper:
    """Watches connections, and says `answer` to who asks while there is no room."""

    def __init__(self, channel: socket.socket, board: Board, answer: bytes, idle_seconds: float) -> None:
        self._channel, self._board, self._answer, self._idle_seconds = channel, board, answer, idle_seconds
        self._looked_at = time.monotonic()
        self._by_number: dict[int, Watched] = {}
        self._by_file: dict[int, Watched] = {}
        self._back = bytearray()
        self._let_in = 0
        self._poll = select.epoll()
        self._poll.register(channel, select.EPOLLIN)

    def keep(self) -> None:
        """Watch until the server is gone."""
        channel = self._channel.fileno()
        while True:
            for file, _ in self._poll.poll(LOOK_SECONDS if self._by_file else None):
                if file == channel:
                    if not self._heed():
                        return
                elif watched := self._by_file.get(file):
                    self._see(watched)
            if self._looked_at + LOOK_SECONDS < time.monotonic():
                self._look()
            self._send()

    def _look(self) -> None:
        """Give back who asked for nothing for long."""
        self._looked_at = time.monotonic()
        since = self._looked_at - self._idle_seconds
        for watched in [watched for watched in self._by_file.values() if watched.heard_at < since]:
            self._give_back(watched)

    def _see(self, watched: Watched) -> None:
        """Let a request in if there is room, else turn it away; give back what cannot be judged here."""
        try:
            data = watched.client.recv(MOST_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:  # broken, which the server finds for itself
            data = b""
        if not whole_request(data):
            self._give_back(watched, data)
        elif self._board.room > self._let_in - self._board.arrived:
            self._let_in += 1
            self._give_back(watched, data, let_in=True)
        else:
            watched.heard_at = time.monotonic()
            self._board.turned_away += 1
            self._say(watched.client, self._answer)

    def _say(self, client: socket.socket, words: bytes) -> None:
        with suppress(OSError):  # broken: that is seen next
            if client.send(words, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) < len(words):
                client.shutdown(socket.SHUT_RDWR)  # half an answer leaves nothing more to say

    def _give_back(self, watched: Watched, data: bytes = b"", *, let_in: bool = False) -> None:
        self._leave(watched)
        self._back += BACK.pack(watched.number, len(data), let_in) + data
        if len(self._back) > MOST_BYTES:
            self._send()

    def _send(self) -> None:
        if self._back:
            self._channel.sendall(self._back)
            self._back.clear()

    def _leave(self, watched: Watched) -> None:
        self._poll.unregister(watched.client)
        del self._by_file[watched.client.fileno()]

    def _heed(self) -> bool:
        """Do what the server wants; tell whether it is still there."""
        wishes, files, _, _ = socket.recv_fds(self._channel, MOST_BYTES, 1)
        for file in files:
            number = WISH.unpack(wishes)[0]
            self._by_number[number] = Watched(number, socket.socket(fileno=file))
        for number, wish in WISH.iter_unpack(wishes):
            self._do(self._by_number[number], wish)
        return bool(wishes)

    def _do(self, watched: Watched, wish: int) -> None:
        file = watched.client.fileno()
        if wish == Wish.WATCH:
            watched.heard_at = time.monotonic()
            self._by_file[file] = watched
            self._poll.register(file, select.EPOLLIN)
        else:
            if file in self._by_file:
                self._leave(watched)
            del self._by_number[watched.number]
            watched.client.close()


def main() -> None:
    """Keep the door of the server that started this, for as long as it is there, whoever else is told to stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):  # where that may not be asked for, it goes without
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # whoever answers goes first
    channel, board = socket.socket(fileno=int(sys.argv[1])), Board.of(int(sys.argv[2]))
    with suppress(ConnectionError):  # the server is gone
        Doorkeeper(channel, board, channel.recv(MOST_BYTES), float(sys.argv[3])).keep()


if __name__ == "__main__":
    main()
