"""The channels with what is easier said in Python: event loops and files."""
import asyncio
import collections
import io

from . import _samepage
from ._asyncio import Async, AsyncIterator, until_done
from ._samepage import Closed, Error, NotFound, WouldBlock


class Subscriber(AsyncIterator, _samepage.Subscriber):
    __doc__ = _samepage.Subscriber.__doc__
    __slots__ = ()

    async def receive_async(self):
        """The next message, without holding up the event loop."""
        return await until_done(self, self.receive)

    _next = receive_async


class Server(AsyncIterator, _samepage.Server):
    __doc__ = _samepage.Server.__doc__
    __slots__ = ()

    async def receive_async(self):
        """The next request, without holding up the event loop."""
        return await until_done(self, self.receive)

    _next = receive_async


class Queue(AsyncIterator, _samepage.Queue):
    __doc__ = _samepage.Queue.__doc__
    __slots__ = ()

    async def pop_async(self):
        """The next job, without holding up the event loop."""
        return await until_done(self, self.pop)

    _next = pop_async


class Cell(AsyncIterator, _samepage.Cell):
    __doc__ = _samepage.Cell.__doc__
    __slots__ = ()

    async def next_async(self):
        """The latest value as soon as it is newer than the one that was read last."""
        return await until_done(self, self.next)

    _next = next_async


class StreamReader(AsyncIterator, _samepage.StreamReader):
    __doc__ = _samepage.StreamReader.__doc__
    __slots__ = ()

    async def read_async(self, size=65536):
        """What is there, at most so many bytes; b'' at the end."""
        return await until_done(self, self.read, size)

    async def _next(self):
        data = await self.read_async()
        if not data:
            raise StopAsyncIteration
        return data

    def makefile(self):
        """A buffered binary file that reads this stream, and closes it when it is closed."""
        return io.BufferedReader(_RawReader(self))


class StreamWriter(Async, _samepage.StreamWriter):
    __doc__ = _samepage.StreamWriter.__doc__
    __slots__ = ()

    async def write_async(self, data):
        """Writes all of a buffer, without holding up the event loop."""
        with memoryview(data) as whole, whole.cast("B") as rest:
            done = 0
            while done < len(rest):
                done += await until_done(self, self.write, rest[done:])

    def makefile(self):
        """A buffered binary file that writes this stream, and closes it when it is closed."""
        return io.BufferedWriter(_RawWriter(self))


class _RawReader(io.RawIOBase):
    def __init__(self, stream):
        self._stream = stream

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._stream.read_into(buffer)

    def close(self):
        super().close()
        self._stream.close()


class _RawWriter(io.RawIOBase):
    def __init__(self, stream):
        self._stream = stream

    def writable(self):
        return True

    def write(self, data):
        return self._stream.write(data)

    def close(self):
        super().close()
        self._stream.close()


class Client(Async, _samepage.Client):
    """Asks a service, whether a server is there yet or not.

    Any number of tasks may await call_async at a time. While they do, calls that wait are refused,
    since they would take the tasks' responses.
    """

    __slots__ = ("_calls", "_spare", "_loop")

    def __init__(self, name, **options):
        super().__init__(name, **options)
        self._calls = {}  # number of a request -> the future of the task that awaits it
        self._spare = collections.deque()  # what came for requests that nobody awaits
        self._loop = None  # in which the descriptor is watched

    def call(self, data, *, timeout=None):
        """Sends a request, a copy of any buffer or a loan of this client in place, and waits for
        the response. A request whose time has passed is cancelled."""
        self._refuse_beside_tasks()
        return super().call(data, timeout=timeout)

    def receive(self, timeout=None):
        """A response to any request on the way. Raises NotFound if none is. An exception that is
        an answer has the number as `request`."""
        if not self._spare:
            self._refuse_beside_tasks()
            return super().receive(timeout)
        answer = self._spare.popleft()
        if isinstance(answer, Error):
            raise answer
        return answer

    async def call_async(self, data):
        """Sends a request and awaits the response, without holding up the event loop. A task that
        is cancelled cancels its request."""
        number = await self._send(data)
        future = self._calls[number] = asyncio.get_running_loop().create_future()
        self._watch()
        try:
            return await future
        finally:
            if self._calls.pop(number, None) and not self.closed:
                self.cancel(number)
            self._watch()

    async def receive_async(self):
        """A response to any request on the way, without holding up the event loop."""
        return await until_done(self, self.receive)

    def close(self):
        """Leaves; its requests are cancelled. While views of its memory are there it stays
        mapped."""
        calls, self._calls = self._calls, {}
        self._watch()
        for future in calls.values():
            if not future.done():
                future.set_exception(Closed(32, f"{self.name}: the client was closed"))
        super().close()

    def _refuse_beside_tasks(self):
        if self._calls:
            raise RuntimeError("tasks await responses of this client: await call_async instead")

    async def _send(self, data):
        """Room has no descriptor, so it is looked for every millisecond."""
        while True:
            try:
                return self.send(data, timeout=0)
            except WouldBlock:
                await asyncio.sleep(0.001)

    def _watch(self):
        """Watches the descriptor as long as a task awaits something."""
        if self._calls and not self._loop:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self.fileno(), self._take)
        elif self._loop and not self._calls:
            loop, self._loop = self._loop, None
            if not self.closed:
                loop.remove_reader(self.fileno())

    def _take(self):
        """Gives whatever is there to whom it is for."""
        while True:
            number = error = response = None
            try:
                response = super().receive(timeout=0)
                number = response.request
            except (WouldBlock, NotFound) as nothing:
                if nothing.request is None:
                    return
                number, error = nothing.request, nothing
            except Error as answer:
                number, error = answer.request, answer
            self._deliver(number, response, error)

    def _deliver(self, number, response, error):
        future = self._calls.pop(number, None)
        if future is None:
            self._spare.append(error or response)
        elif future.done():
            pass  # its task was cancelled
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(response)
