"""The commands of ours.c by CPython's multiprocessing.shared_memory. A PLACE is a name.

Before Python 3.13 each attachment is registered with the resource tracker, which takes the name
away when this process ends; TRACKED=1 leaves it at that, otherwise the recipe of the README is
followed."""
import fcntl
import os
import sys
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

TRACKED = os.environ.get("TRACKED") == "1"


def untracked(**arguments):
    if TRACKED:
        return SharedMemory(**arguments)
    if sys.version_info >= (3, 13):
        return SharedMemory(track=False, **arguments)
    memory = SharedMemory(**arguments)
    resource_tracker.unregister(memory._name, "shared_memory")
    return memory


def remove(place):
    memory = untracked(name=place)
    if not TRACKED and sys.version_info < (3, 13):
        resource_tracker.register(memory._name, "shared_memory")  # unlink() unregisters
    memory.unlink()


def add(memory, offset, count, lock):
    word = memory.buf[offset : offset + 8].cast("Q")
    for _ in range(count):
        with open(lock.removeprefix("flock:"), "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            word[0] += 1
    word.release()


def use(command, memory, words):
    if command == "size":
        print(memory.size)
        return
    offset = int(words[0])
    if command == "read":
        print(bytes(memory.buf[offset : offset + int(words[1])]).decode())
    elif command == "write":
        memory.buf[offset : offset + len(words[1])] = words[1].encode()
    elif command == "add":
        add(memory, offset, int(words[1]), words[2])
    else:
        sys.exit("no such command")


def main(command, place, *words):
    if command == "make":
        untracked(name=place, create=True, size=int(words[0])).close()
    elif command == "rm":
        remove(place)
    else:
        memory = untracked(name=place)
        use(command, memory, words)
        memory.close()


main(*sys.argv[1:])
