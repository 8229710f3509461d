"""The conformance program of Python: see test/conformance/README.md.

    conformance.py ROLE NAME VECTORS [--from N] [--die-after N] [--readers N]
"""
import argparse
import os
import signal
import struct
import sys
import time

import samepage

PATIENCE = 20  # seconds
BUDGET = 4 << 20


class Wrong(Exception):
    """Something is not as the vectors say."""


def message_of(size, seed):
    return bytes((seed + 7 * i + i // 256) % 256 for i in range(size))


def read_vectors(path):
    with open(path) as file:
        return [message_of(*map(int, line.split())) for line in file if line.strip()]


def compare(index, received, expected):
    if len(received) != len(expected):
        raise Wrong(f"message {index}: {len(received)} bytes, not {len(expected)}")
    for place, (one, other) in enumerate(zip(received, expected)):
        if one != other:
            raise Wrong(f"message {index}: byte {place} is {one}, not {other}")


def subscribers_of(topic):
    members = samepage.stat("topic:" + topic)["members"]
    return sum(member["alive"] and member["role"] == "subscriber" for member in members)


def open_end(end, name):
    """An end that is still taken becomes free when the one before has gone."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return end(name)
        except samepage.Exists:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class Program:
    """Each role sees to the messages from `--from` on, one after the other."""

    def __init__(self, options):
        self.name = options.name
        self.options = options
        self.vectors = read_vectors(options.vectors)
        self.index = self.first = getattr(options, "from")

    def die_if_due(self):
        if self.index - self.first == self.options.die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    def messages(self):
        """Those that are left. Who dies with the next one in hand sees to that himself."""
        while self.index < len(self.vectors):
            yield self.index, self.vectors[self.index]
            self.index += 1

    def mortal_messages(self):
        for index, message in self.messages():
            self.die_if_due()
            yield index, message

    def wait_for_readers(self):
        deadline = time.monotonic() + PATIENCE
        while subscribers_of(self.name) < self.options.readers:
            if time.monotonic() > deadline:
                raise Wrong("the readers did not come")
            time.sleep(0.005)

    def publish(self):
        with samepage.Publisher(self.name, type="conformance", budget=BUDGET, slots=64) as topic:
            self.wait_for_readers()
            for index, message in self.mortal_messages():
                if index % 2:
                    topic.send(message, timeout=PATIENCE)
                else:
                    with topic.loan(len(message), timeout=PATIENCE) as loan:
                        loan.data[:] = message
        return "published"

    def subscribe(self):
        with samepage.Subscriber(self.name, type="conformance", must_not_lose=True,
                                 timeout=PATIENCE) as topic:
            for index, message in self.mortal_messages():
                received = topic.receive(PATIENCE)
                if received.lost:
                    raise Wrong(f"message {index}: messages before it are lost")
                compare(index, received.data, message)
        return "received"

    def set(self):
        with samepage.Cell(self.name, capacity=65536) as cell, \
                samepage.Cell(self.name + ".seen", capacity=4) as seen:
            for index, message in self.mortal_messages():
                cell.write(message, timeout=PATIENCE)
                while struct.unpack("<I", seen.next(PATIENCE))[0] != index + 1:
                    pass
        return "set"

    def get(self):
        with samepage.Cell(self.name, capacity=65536) as cell, \
                samepage.Cell(self.name + ".seen", capacity=4) as seen:
            for index, message in self.mortal_messages():
                compare(index, cell.next(PATIENCE), message)
                seen.write(struct.pack("<I", index + 1), timeout=PATIENCE)
        return "got"

    def write(self):
        with open_end(samepage.StreamWriter, self.name) as stream:
            for index, message in self.mortal_messages():
                if stream.write(message, timeout=PATIENCE) != len(message):
                    raise Wrong(f"message {index}: was not written in time")
            stream.end()
        return "wrote"

    def read(self):
        while not self.read_one_writer():
            pass
        return "read"

    def read_one_writer(self):
        """Reads what one writer has to say; False if it died, for another one goes on."""
        with open_end(samepage.StreamReader, self.name) as stream:
            try:
                for index, message in self.mortal_messages():
                    compare(index, self.read_message(stream, len(message)), message)
                if stream.read(1, timeout=PATIENCE):
                    raise Wrong("there is more than all messages")
            except samepage.PeerDead:
                return False
        return True

    def read_message(self, stream, size):
        received = bytearray()
        while len(received) < size:
            try:
                data = stream.read(size - len(received), timeout=PATIENCE)
            except samepage.PeerDead:
                if not received:
                    raise
                data = b""
            if not data:
                raise Wrong(f"message {self.index}: is cut off or missing")
            received += data
        return received

    def push(self):
        with samepage.Queue(self.name, budget=BUDGET) as queue:
            for _, message in self.mortal_messages():
                queue.push(message, timeout=PATIENCE)
        return "pushed"

    def pop(self):
        with samepage.Queue(self.name, budget=BUDGET) as queue:
            for index, message in self.messages():
                with queue.pop(PATIENCE) as job:
                    self.die_if_due()
                    compare(index, job.data, message)
        return "popped"

    def serve(self):
        with samepage.Server(self.name, budget=BUDGET) as server:
            for index, message in self.mortal_messages():
                request = server.receive(PATIENCE)
                compare(index, request.data, message)
                request.reply(bytes(request)[::-1])
        return "served"

    def call(self):
        with samepage.Client(self.name, budget=BUDGET) as client:
            for index, message in self.mortal_messages():
                response = client.call(message, timeout=PATIENCE)
                compare(index, response.data, message[::-1])
        return "called"


ROLES = ("publish", "subscribe", "set", "get", "write", "read", "push", "pop", "serve", "call")


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("name")
    parser.add_argument("vectors")
    parser.add_argument("--from", type=int, default=0)
    parser.add_argument("--die-after", type=int, default=-1)
    parser.add_argument("--readers", type=int, default=0)
    return parser.parse_args()


def main():
    if sys.argv[1:2] == ["roles"]:
        print("\n".join(ROLES))
        return 0
    options = read_options()
    program = Program(options)
    try:
        word = getattr(program, options.role)()
    except (Wrong, samepage.Error) as error:
        print(f"conformance.py: {options.name}: at message {program.index}: {error}",
              file=sys.stderr)
        return 1
    print(word, len(program.vectors) - program.first)
    return 0


if __name__ == "__main__":
    sys.exit(main())
