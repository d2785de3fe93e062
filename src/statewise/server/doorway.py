"""The server's side of its doorkeeper: connections go there when it is full, and come back when it is not."""

import asyncio
import ctypes
import itertools
import os
import select
import socket
import subprocess
import sys
from collections import deque
from typing import Protocol, Self, final

from statewise.server import doorkeeper
from statewise.server.doorkeeper import BACK, MOST_MESSAGE, WISH, Board, Wish

CROWDED_SECONDS = 1.0
"So long after a refusal connections go to the doorkeeper as they are answered, before they ask for more."
BLIND_SECONDS = 1.0
"After so long it is looked whether who asked is still there; a shorter answer is found to be unwanted once it is sent."


class Guest(Protocol):
    """A connection that may wait elsewhere."""

    @property
    def file(self) -> int:
        """The number of its open file."""

    def let_go(self) -> bool:
        """Stop reading, unless something is under way; tell which."""

    def come_back(self, data: bytes, *, let_in: bool) -> None:
        """Go on with what was read at the door, and read on if that was not one whole request."""

    def read_on(self) -> None:
        """Read again what comes over the connection, if it is not."""


@final
class Doorway:
    """Where connections are handed over to a doorkeeper, a process of its own that `open` starts.

    `board` is what both see: the server writes there for how many it has room.
    """

    def __init__(self, board: Board, channel: socket.socket, process: "subprocess.Popen[bytes]") -> None:
        self.board, self._channel, self._process = board, channel, process
        self._loop = asyncio.get_running_loop()
        self._numbers: dict[Guest, int] = {}
        self._guests: dict[int, Guest] = {}
        self._away: set[int] = set()
        self._next = itertools.count()
        self._leaving: list[Guest] = []
        self._blind: dict[Guest, float] = {}
        self._looking: asyncio.TimerHandle | None = None
        self._unsent: deque[bytes] = deque()
        self._seen, self._crowded_until, self._open = 0, 0.0, True
        self._loop.add_reader(channel, self._given_back)

    @classmethod
    def open(cls, answer: bytes, idle_seconds: float) -> Self | None:
        """Start a doorkeeper that turns requests away with an answer; none where the system has no means for it.

        It gives back connections over which nothing came for `idle_seconds`.
        """
        if not hasattr(os, "memfd_create") or not hasattr(select, "epoll"):
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, os.fdopen(os.memfd_create("board"), "r+b") as shared:
            shared.truncate(ctypes.sizeof(Board))
            board, files = Board.of(shared.fileno()), (theirs.fileno(), shared.fileno())
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", doorkeeper.__file__, *map(str, (*files, idle_seconds))],
                pass_fds=files,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                process_group=0,  # signals are for the server
            )
        ours.send(answer)
        ours.setblocking(False)
        return cls(board, ours, process)

    @property
    def crowded(self) -> bool:
        """Whether requests were refused a moment ago."""
        now = self._loop.time()
        if self._seen != self.board.turned_away:
            self._seen = self.board.turned_away
            self._crowded_until = now + CROWDED_SECONDS
        return now < self._crowded_until

    def refused(self) -> None:
        """Know that somebody was refused here."""
        self._crowded_until = self._loop.time() + CROWDED_SECONDS

    def is_away(self, guest: Guest) -> bool:
        """Tell whether a connection waits at the door."""
        return self._numbers.get(guest) in self._away

    def leave(self, guest: Guest) -> None:
        """Let a connection wait at the door, once what was written over it is sent."""
        self._blind.pop(guest, None)
        if not self._leaving:
            self._loop.call_soon(self._hand_over)
        self._leaving.append(guest)

    def _hand_over(self) -> None:
        """Send everybody who leaves to the door, those whom it knows in one message."""
        leaving, known = self._leaving, list[int]()
        self._leaving = []
        for guest in leaving:
            number = self._numbers.get(guest)
            if number in self._away:
                continue
            if self._unsent or not self._open or not guest.let_go():
                guest.read_on()
            elif number is None:
                self._introduce(guest)
            else:
                self._away.add(number)
                known.append(number)
        if known:
            try:
                self._channel.send(b"".join([WISH.pack(number, Wish.WATCH) for number in known]))
            except OSError:  # it is busy, or gone
                self._away.difference_update(known)
                for number in known:
                    self._guests[number].read_on()

    def _introduce(self, guest: Guest) -> None:
        number = next(self._next)
        try:
            socket.send_fds(self._channel, [WISH.pack(number, Wish.WATCH)], [guest.file])
        except OSError:
            guest.read_on()
        else:
            self._numbers[guest], self._guests[number] = number, guest
            self._away.add(number)

    def forget(self, guest: Guest) -> None:
        """Let go of a connection, so that it is closed when it is closed here."""
        number = self._numbers.pop(guest, None)
        if number is not None:
            del self._guests[number]
            self._away.discard(number)
            self._blind.pop(guest, None)
            self._send(WISH.pack(number, Wish.FORGET))

    def close(self) -> None:
        """End the doorkeeper, which by now keeps nobody."""
        self._end()
        self._process.wait()

    def _send(self, message: bytes) -> None:
        if self._open:
            self._unsent.append(message)
            self._flush()

    def _flush(self) -> None:
        try:
            while self._unsent and self._open:
                self._channel.send(self._unsent[0])
                self._unsent.popleft()
        except BlockingIOError:
            self._loop.call_later(0.001, self._flush)
        except OSError:
            self._end()

    def _given_back(self) -> None:
        try:
            data = self._channel.recv(MOST_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
        at = 0
        while at < len(data):
            number, length, let_in = BACK.unpack_from(data, at)
            begin, at = at + BACK.size, at + BACK.size + length
            self._away.discard(number)
            if guest := self._guests.get(number):
                guest.come_back(data[begin:at], let_in=let_in)
                if let_in:
                    self._blind[guest] = self._loop.time()
            self.board.arrived += let_in
        if self._blind and self._looking is None:
            self._looking = self._loop.call_later(BLIND_SECONDS, self._look_up)

    def _look_up(self) -> None:
        """Read on where an answer takes long, to notice if nobody waits for it any more."""
        until = self._loop.time() - BLIND_SECONDS
        while self._blind:
            guest, since = next(iter(self._blind.items()))
            if since > until:
                self._looking = self._loop.call_later(BLIND_SECONDS, self._look_up)
                return
            del self._blind[guest]
            guest.read_on()
        self._looking = None

    def _end(self) -> None:
        """Do without a doorkeeper; who waited there is read here again."""
        if not self._open:
            return
        self._open = False
        if self._looking is not None:
            self._looking.cancel()
        self._loop.remove_reader(self._channel)
        self._channel.close()
        away = [self._guests[number] for number in self._away]
        self._away.clear()
        for guest in away:
            guest.read_on()
