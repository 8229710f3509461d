"""Waiting in an event loop, by the descriptor that every receiver has."""
import asyncio

from ._samepage import Closed, WouldBlock

_waits = {}  # id of a handle -> the _Wait of the task that waits for it


class _Wait:
    """One task that waits until one handle is ready."""

    def __init__(self, handle):
        self.loop = asyncio.get_running_loop()
        self.future = self.loop.create_future()
        self.descriptor = handle.fileno()
        self.loop.add_reader(self.descriptor, self.end)

    def end(self):
        """The descriptor may belong to another handle after this one is closed: once only."""
        if self.descriptor >= 0:
            self.loop.remove_reader(self.descriptor)
            self.descriptor = -1
        if not self.future.done():
            self.future.set_result(None)


async def ready(handle):
    """Waits until `handle` has something to take, or is closed."""
    if id(handle) in _waits:
        raise RuntimeError("another task waits for this already")
    wait = _waits[id(handle)] = _Wait(handle)
    try:
        await wait.future
    finally:
        wait.end()
        del _waits[id(handle)]


async def until_done(handle, call, *arguments):
    """Calls with timeout=0, as often as that would have to wait."""
    while True:
        try:
            return call(*arguments, timeout=0)
        except WouldBlock:
            await ready(handle)


def _running_loop():
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Async:
    """What the event loop needs of each kind of receiver."""

    __slots__ = ()

    def close(self):
        """Leaves. While views of its memory are there it stays mapped, and is left when the last
        of them goes. Closing twice does nothing. A task that waits gets Closed."""
        wait = _waits.get(id(self))
        if wait and wait.loop is _running_loop():
            wait.end()
        elif wait:
            wait.loop.call_soon_threadsafe(wait.end)
        super().close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exception):
        self.close()


class AsyncIterator(Async):
    """A receiver whose messages come one after the other, by `_next`."""

    __slots__ = ()

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await self._next()
        except Closed:
            if self.closed:
                raise StopAsyncIteration from None
            raise
