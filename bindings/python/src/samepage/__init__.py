"""Shared memory between processes: topics, cells, streams, services, queues, segments.

A timeout is a number of seconds; None waits for ever, 0 does not wait. What a channel gives is a
buffer in shared memory: bytes() copies it, memoryview() and numpy see it in place.
"""
from ._samepage import *  # noqa: F401,F403
from ._samepage import __version__  # noqa: F401
from ._channels import (  # noqa: F401
    Cell, Client, Queue, Server, StreamReader, StreamWriter, Subscriber,
)
