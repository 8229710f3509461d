"""What a call costs in Python, and how much of that is the library's.

A round fills the ring and then empties it, and only one of the two is timed; what the loop itself
takes is taken off. The library's own time is that of the same calls in C, compiled here and now.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import samepage

SLOTS = 1024
ROUNDS = 200
REPETITIONS = 15
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

C_PROGRAM = r"""
#include <samepage/samepage.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int count, char **words) {
    int slots = atoi(words[2]), rounds = atoi(words[3]);
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    spg_publisher *publisher;
    spg_subscriber *subscriber;
    spg_message message;
    char bytes[64] = {0};
    double sending = 0, receiving = 0;
    options.slots = (unsigned)slots;
    options.slot_size = 128;
    if (count != 4 || spg_publisher_open(&publisher, NULL, words[1], &options) < 0 ||
        spg_subscriber_open(&subscriber, NULL, words[1], NULL) < 0)
        return 1;
    for (int round = 0; round < rounds; round++) {
        double began = now();
        for (int i = 0; i < slots / 2; i++)
            if (spg_publisher_send(publisher, bytes, 64, SPG_NOWAIT) < 0) return 1;
        sending += now() - began;
        began = now();
        for (int i = 0; i < slots / 2; i++)
            if (spg_subscriber_receive(subscriber, &message, SPG_NOWAIT) < 0 ||
                spg_subscriber_release(subscriber, &message) < 0)
                return 1;
        receiving += now() - began;
    }
    printf("%f %f\n", sending / (rounds * slots / 2), receiving / (rounds * slots / 2));
    spg_subscriber_close(subscriber);
    return spg_publisher_close(publisher) < 0;
}
"""


def build_c(folder):
    """The same calls in C, with the library's archive."""
    archive = pathlib.Path(os.environ["SAMEPAGE_BUILD"], "src", "libsamepage.a")
    source, program = folder / "calls.c", folder / "calls"
    source.write_text(C_PROGRAM)
    subprocess.run(["cc", "-O2", f"-I{ROOT}/include", source, archive, "-pthread", "-o", program],
                   check=True)
    return program


def in_c(program):
    said = subprocess.run([program, f"bench-c-{os.getpid()}", str(SLOTS), str(ROUNDS)], check=True,
                          stdout=subprocess.PIPE, universal_newlines=True).stdout
    return [float(word) for word in said.split()]


def in_python():
    """Nanoseconds of a send and of a receive with its release."""
    name = f"bench-{os.getpid()}"
    data, half = bytes(64), range(SLOTS // 2)
    clock, sending, receiving, looping = time.perf_counter_ns, 0, 0, 0
    with samepage.Publisher(name, slots=SLOTS, slot_size=128) as publisher, \
            samepage.Subscriber(name) as subscriber:
        send, receive = publisher.send, subscriber.receive
        for _ in range(ROUNDS):
            began = clock()
            for _ in half:
                send(data)
            sent = clock()
            for _ in half:
                receive()
            received = clock()
            for _ in half:
                pass
            looping += clock() - received
            sending += sent - began
            receiving += received - sent
    calls = ROUNDS * len(half)
    return (sending - looping) / calls, (receiving - looping) / calls


def median(values):
    return statistics.median(values)


def main():
    with tempfile.TemporaryDirectory() as folder:
        program = build_c(pathlib.Path(folder))
        pairs = [(in_python(), in_c(program)) for _ in range(REPETITIONS)]
    print(f"64 bytes, one process, median of {REPETITIONS} repetitions; nanoseconds a call")
    print(f"{'':24}{'Python':>8}{'C':>8}{'own time':>10}")
    own = []
    for place, what in enumerate(("send", "receive and release")):
        python = median([pair[0][place] for pair in pairs])
        c = median([pair[1][place] for pair in pairs])
        own.append(median([pair[0][place] - pair[1][place] for pair in pairs]))
        print(f"{what:24}{python:8.0f}{c:8.0f}{own[place]:10.0f}")
    print(f"receive of 64 bytes: {own[1] / 1000:.3f} us of Python's own time; owed: below 1 us")
    return 0 if own[1] < 1000 else 1


if __name__ == "__main__":
    sys.exit(main())
