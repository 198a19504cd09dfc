"""A real SMTP server on the loopback, as small as one can be, that keeps what it is given."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from email.message import EmailMessage


@dataclass
class MailServer:
    """What it answers to each command can be said; without that it takes everything."""

    port: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    commands: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    talks: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak with one client, and hang up."""
        self.talks.add(talk := asyncio.current_task())
        try:
            await self._talk(reader, writer)
        finally:
            writer.close()
            self.talks.discard(talk)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if self.silent:
                await reader.read()
                return
            writer.write(b"220 ready\r\n")
            while line := (await reader.readline()).decode().strip():
                verb = line.split(" ", 1)[0].upper()
                self.commands.append(verb)
                if verb == "RCPT":
                    self.recipients.append(line.partition("<")[2].rstrip(">"))
                writer.write(
                    f"{self.answers.get(verb, ANSWERS.get(verb, '250 good'))}\r\n".encode()
                )
                if verb == "DATA" and verb not in self.answers:
                    data = await reader.readuntil(b"\r\n.\r\n")
                    self.mails.append(message_from_bytes(data[:-3], policy=policy.default))
                    writer.write(b"250 taken\r\n")
                if verb == "QUIT":
                    break


ANSWERS = {"EHLO": "250-here\r\n250 AUTH PLAIN", "DATA": "354 go on", "QUIT": "221 bye",
           "AUTH": "235 welcome"}  # fmt: skip


@contextlib.asynccontextmanager
async def receiving(**fields: object) -> AsyncIterator[MailServer]:
    """Give a server that runs."""
    known = MailServer(**fields)  # type: ignore[arg-type]
    server = await asyncio.start_server(known.serve, "127.0.0.1", 0)
    known.port = server.sockets[0].getsockname()[1]
    try:
        yield known
    finally:
        server.close()
        for talk in filter(None, tuple(known.talks)):
            talk.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
