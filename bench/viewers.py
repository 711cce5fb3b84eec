"""Viewers of the app without a browser: what a browser says to Streamlit, over real connections.

Each opens the page, runs it when it is opened, and from then on again as often as the page asks for. The server cannot
tell them from browsers, and twenty of them do not need twenty browsers' share of two cores.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect


@dataclass
class Viewer:
    """A page that is open; `pictures`: those that the graph's widget was given, each once."""

    query: str
    socket: ClientConnection
    page: str = ""
    pictures: set[str] = field(default_factory=set)
    repeats: dict[str, anyio.CancelScope] = field(default_factory=dict)

    async def run(self, fragment: str = "") -> None:
        """Ask for a run of the script, or of a fragment."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_script_hash = self.page
        message.rerun_script.fragment_id = fragment
        message.rerun_script.is_auto_rerun = bool(fragment)
        message.rerun_script.context_info.timezone = "Europe/Berlin"
        await self.socket.send(message.SerializeToString())

    async def look(self, group: TaskGroup) -> None:
        """Take what comes, as a browser does."""
        await self.run()
        async for data in self.socket:
            message = ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.page = message.new_session.page_script_hash
            elif kind == "navigation":
                self.page = message.navigation.page_script_hash
            elif kind == "auto_rerun":
                group.start_soon(self._repeat, message.auto_rerun.fragment_id, message.auto_rerun.interval)
            elif kind == "delta":
                widget = message.delta.new_element.component_instance
                if "agraph" in widget.component_name:
                    self.pictures.add(widget.json_args)

    async def _repeat(self, fragment: str, interval_s: float) -> None:
        if fragment in self.repeats:
            self.repeats.pop(fragment).cancel()
        with anyio.CancelScope() as self.repeats[fragment]:
            while True:
                await anyio.sleep(interval_s)
                await self.run(fragment)


@contextlib.asynccontextmanager
async def viewers(app_url: str, query: str, count: int) -> AsyncIterator[list[Viewer]]:
    """That many viewers, until the end of the block."""
    address = f"{app_url.replace('http', 'ws', 1)}/_stcore/stream"
    async with contextlib.AsyncExitStack() as stack, anyio.create_task_group() as group:
        opened = []
        for _ in range(count):
            socket = await stack.enter_async_context(
                connect(address, subprotocols=["streamlit"], origin=app_url, max_size=None, proxy=None)
            )
            opened.append(Viewer(query, socket))
            group.start_soon(opened[-1].look, group)
        yield opened
        group.cancel_scope.cancel()
