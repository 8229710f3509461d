"""Names that no other run has, other processes, and a time limit for each test."""
import atexit
import contextlib
import faulthandler
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest

import samepage

TIME_LIMIT = 20  # seconds of one test

_numbers = itertools.count()

try:
    import numpy
except ImportError:
    numpy = None

with_numpy = unittest.skipUnless(numpy, "numpy is not here")


def unique(what):
    return f"{what}-{os.getpid()}-{next(_numbers)}"


class Test(unittest.TestCase):
    def setUp(self):
        if "SAMEPAGE_DOMAIN" not in os.environ:
            folder = tempfile.mkdtemp(prefix="samepage-python-", dir="/dev/shm")
            os.environ["SAMEPAGE_DOMAIN"] = folder
            atexit.register(shutil.rmtree, folder)
        self.name = unique("test")
        signal.signal(signal.SIGALRM, self.time_is_up)
        signal.alarm(TIME_LIMIT)
        self.addCleanup(signal.alarm, 0)
        faulthandler.dump_traceback_later(2 * TIME_LIMIT, exit=True)
        self.addCleanup(faulthandler.cancel_dump_traceback_later)

    def time_is_up(self, *_):
        faulthandler.dump_traceback(all_threads=True)
        raise AssertionError(f"not done after {TIME_LIMIT} seconds")

    def opened(self, handle):
        """Closes it after the test."""
        self.addCleanup(handle.close)
        return handle

    def topic(self, **options):
        publisher = self.opened(samepage.Publisher(self.name, **options))
        return publisher, self.opened(samepage.Subscriber(self.name))

    def start(self, program, *arguments, **options):
        """Another Python that runs this text, in which `name` and `samepage` are there."""
        text = "import sys, os, time, samepage\nname = sys.argv[1]\n" + textwrap.dedent(program)
        process = subprocess.Popen([sys.executable, "-c", text, self.name, *map(str, arguments)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   universal_newlines=True, **options)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()

    def in_fork(self, function):
        """What `function` says, as a text, in a child made by fork."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # dies if it hangs
            signal.alarm(TIME_LIMIT // 2)
            with contextlib.suppress(BaseException):
                os.write(writer, describe(function).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as file:
            text = file.read()
        self.assertEqual(os.waitpid(child, 0)[1], 0, "the child crashed")
        return text


def describe(function):
    try:
        return str(function())
    except BaseException as error:
        return type(error).__name__


def later(seconds, function):
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
    return timer


def address_of(view):
    """Where a buffer lies; writable ones only."""
    import ctypes
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def inode_at(address):
    """Of the file that is mapped there, by the kernel's word; 0 for none."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            fields = line.split()
            first, last = (int(number, 16) for number in fields[0].split("-"))
            if first <= address < last:
                return int(fields[4])
    return 0


def inode_of(file):
    """Of a channel's file in the domain."""
    return os.stat(os.path.join(os.environ["SAMEPAGE_DOMAIN"], file)).st_ino
