"""A voice that reads a text, by `espeak-ng` where that is installed; nothing leaves the machine."""

import asyncio
import re
import shutil
from contextlib import suppress

PROGRAM = "espeak-ng"
LONGEST_SPOKEN = 2000
SECONDS = 10.0
LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})?")


def has_voice() -> bool:
    """Say whether a voice is installed."""
    return shutil.which(PROGRAM) is not None


async def spoken(text: str, language: str = "en") -> bytes | None:
    """Return a text as a WAV file; None where no voice is installed, or it did not speak.

    The text is given on standard input, so that nothing of it can be an option.
    """
    program = shutil.which(PROGRAM)
    if program is None or not text.strip():
        return None
    name = language.lower().replace("_", "-")
    voice = name if LANGUAGE.fullmatch(name) else "en"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        program, "-v", voice, "--stdin", "--stdout", stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(SECONDS):
            sound, _ = await process.communicate(text[:LONGEST_SPOKEN].encode())
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return None
    return sound if process.returncode == 0 and sound.startswith(b"RIFF") else None
