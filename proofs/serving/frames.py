"""Sessions and WebSockets begun by hand, and frames: whole ones, broken ones and noise."""

import json
import os
import random
import socket

TEXTS = (
    '{"input": 1}',
    '{"input": "a"}',
    '{"text": "It was"}',
    '{"inputs": [1, 2], "each": true}',
    "{}",
    "[]",
    "null",
    '{"input": 1e999}',
    '{"input": NaN}',
    '{"prompt": "a", "length": 3}',
    '{"input": 1, "steps": 0, "key": "k"}',
)
CONTINUED, TEXT, CLOSE, PING = 0, 1, 8, 9


def begun(client: socket.socket) -> str:
    """Begin a session and return its id."""
    client.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    data = b""
    while not data.endswith(b"}"):
        data += client.recv(4096)
    return str(json.loads(data.split(b"\r\n\r\n")[1])["session"])


def shake(client: socket.socket, path: str) -> None:
    """Open a WebSocket by hand."""
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    head = f"GET {path}/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    client.sendall(f"{head}{key}\r\n".encode())
    answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101"), answer


def frame(content: bytes, kind: int, *, last: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """Return a frame of a WebSocket, or what is nearly one."""
    head = bytes([(last << 7) | (reserved << 4) | kind])
    length, mask_bit = len(content), masked << 7
    if length < 126:
        head += bytes([mask_bit | length])
    elif length < 1 << 16:
        head += bytes([mask_bit | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([mask_bit | 127]) + length.to_bytes(8, "big")
    if not masked:
        return head + content
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))


def random_frame(draw: random.Random) -> bytes:
    """Return a frame: a message, nearly a message, or noise."""
    text, shape = draw.choice(TEXTS).encode(), draw.random()
    if shape < 0.6:
        return frame(text, TEXT)
    if shape < 0.75:
        damaged = bytearray(text)
        damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        return frame(bytes(damaged), TEXT)
    if shape < 0.85:
        half = len(text) // 2
        return frame(text[:half], TEXT, last=False) + frame(b"", PING) + frame(text[half:], CONTINUED)
    if shape < 0.9:
        return frame(draw.randbytes(draw.randint(0, 125)), PING)
    kind, last = draw.randrange(16), draw.random() < 0.8
    content = draw.randbytes(draw.randint(0, 300))
    return frame(content, kind, last=last, masked=draw.random() < 0.9, reserved=draw.choice([0, 0, 0, 1, 7]))


def outcome(client: socket.socket, frames: list[bytes]) -> str:
    """Send frames and the wish to close, and return how the server took them."""
    data = b""
    try:
        client.sendall(b"".join(frames) + frame(b"\x03\xe8", CLOSE))
        while more := client.recv(1 << 16):
            data += more
    except TimeoutError:
        return "hung"
    except OSError:
        return "reset"
    return "server error" if b'"failed"' in data else "closed"
