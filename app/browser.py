"""The ports of a device whose screen is a browser: `companion.js` does what is asked.

Every open page of a phone listens on an event stream. A question goes to all of them; the
first good answer counts. Without a page, or without an answer in time, the port says so.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import tzinfo
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.i18n import resolve
from app.ports import Notice, Port, Reach, Tone
from clinic_server.wire.care import Place

SCRIPT = Path(__file__).parent / "companion.js"
SOON_S = 5.0
ASKED_S = 30.0
"""Somebody may have to read a question of the browser first."""
SCAN_S = 70.0
KEEP_ALIVE_S = 15.0
MOST_PAGES = 8
_SPEECH = {"zh_CN": "zh-CN", "en": "en-GB"}


class Hello(BaseModel):
    """What a page can do."""

    model_config = ConfigDict(extra="forbid")

    listener: str = Field(max_length=64)
    reach: dict[Port, Reach]
    voices: list[Annotated[str, Field(max_length=8)]] = Field(max_length=200)
    zone: str = Field(default="", max_length=64)
    """IANA name of the zone of its clock."""


class Answer(BaseModel):
    """What came of a question."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(max_length=64)
    reach: Reach
    place: Place | None = None
    text: str = Field(default="", max_length=400)


class Browser:
    """The open pages of one phone."""

    def __init__(self) -> None:
        self._pages: dict[str, asyncio.Queue[str]] = {}
        self._said: dict[str, Hello] = {}
        self._open: dict[str, asyncio.Future[Answer]] = {}

    # -- the ports -----------------------------------------------------------------

    def reach(self, port: Port, locale: str) -> Reach:
        """Say what the most able open page can do."""
        said = [hello for name, hello in self._said.items() if name in self._pages]
        if not said:
            return Reach.NO_SCREEN
        if port is Port.SPEAK:
            spoken = any(resolve(locale)[:2] in hello.voices for hello in said)
            return Reach.YES if spoken else Reach.NO_VOICE
        found = [hello.reach.get(port, Reach.NOT_HERE) for hello in said]
        return Reach.YES if Reach.YES in found else found[-1]

    def zone(self) -> tzinfo | None:
        """Give the zone of the page that came last."""
        said = [hello.zone for name, hello in self._said.items() if name in self._pages]
        return _zone(said[-1]) if said else None

    async def remind(self, notice: Notice) -> Reach:
        """Show the browser's notification."""
        asked = {"tag": notice.tag, "title": notice.title, "body": notice.body}
        return (await self._ask("remind", asked, ASKED_S)).reach

    async def speak(self, words: str, locale: str) -> Reach:
        """Use the browser's voice."""
        asked = {"words": words, "lang": _SPEECH[resolve(locale)]}
        return (await self._ask("speak", asked, SOON_S)).reach

    async def tone(self, tone: Tone) -> Reach:
        """Sound it in the page."""
        return (await self._ask("tone", {"tone": tone.value}, SOON_S)).reach

    async def locate(self) -> Place | Reach:
        """Ask the browser; it asks the person."""
        answer = await self._ask("locate", {}, ASKED_S)
        return answer.place or _not(answer)

    async def scan(self, words: str) -> str | Reach:
        """Look through the camera until there is a code."""
        answer = await self._ask("scan", {"words": words}, SCAN_S)
        return answer.text or _not(answer)

    async def _ask(self, what: str, asked: Mapping[str, Any], timeout_s: float) -> Answer:
        number = str(uuid.uuid4())
        if not self._pages:
            return Answer(id=number, reach=Reach.NO_SCREEN)
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[number] = waiting
        line = json.dumps({"id": number, "do": what, **asked}, ensure_ascii=False)
        for page in self._pages.values():
            page.put_nowait(line)
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        except TimeoutError:
            return Answer(id=number, reach=Reach.NO_ANSWER)
        finally:
            self._open.pop(number, None)

    # -- the pages -----------------------------------------------------------------

    def hello(self, hello: Hello) -> None:
        """Learn what a page can do."""
        if hello.listener in self._pages:
            self._said[hello.listener] = hello

    def answer(self, answer: Answer) -> None:
        """Take an answer; what nobody asked is nothing."""
        waiting = self._open.get(answer.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def listen(self, listener: str) -> AsyncIterator[str]:
        """Give a page its questions until it goes away."""
        while len(self._pages) >= MOST_PAGES:
            self._leave(next(iter(self._pages)))
        page: asyncio.Queue[str] = asyncio.Queue()
        self._pages[listener] = page
        try:
            yield ": here\n\n"
            while self._pages.get(listener) is page:
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        yield f"data: {await page.get()}\n\n"
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            if self._pages.get(listener) is page:
                self._leave(listener)

    def _leave(self, listener: str) -> None:
        self._pages.pop(listener, None)
        self._said.pop(listener, None)


@cache
def _zone(name: str) -> tzinfo | None:
    """Find a zone; a browser may know one that this machine does not."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # an unknown one is a KeyError
        return None


def _not(answer: Answer) -> Reach:
    """Give the reason of an answer that has nothing in it."""
    return Reach.NO_ANSWER if answer.reach is Reach.YES else answer.reach


def routes(browsers: Mapping[str, Browser]) -> APIRouter:
    """Serve the script, and its ways to and from each phone."""
    router = APIRouter()

    def known(phone: str, request: Request) -> Browser:
        if phone not in browsers:
            raise HTTPException(404)
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise HTTPException(403)
        return browsers[phone]

    @router.get("/companion.js")
    def script() -> FileResponse:
        return FileResponse(SCRIPT, media_type="text/javascript")

    @router.get("/companion/{phone}/events")
    def events(phone: str, request: Request, listener: str) -> StreamingResponse:
        lines = known(phone, request).listen(listener[:64])
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(lines, media_type="text/event-stream", headers=headers)

    @router.post("/companion/{phone}/hello", status_code=204)
    async def hello(phone: str, request: Request, body: Hello) -> None:
        known(phone, request).hello(body)

    @router.post("/companion/{phone}/answer", status_code=204)
    async def answer(phone: str, request: Request, body: Answer) -> None:
        known(phone, request).answer(body)

    return router
