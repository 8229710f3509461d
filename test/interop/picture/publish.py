"""publish.py TOPIC PPM: publishes one picture (docs/layout/picture.md) and stays until it is told
to end.

What others must find is written before: the colours to the file PPM, and, when the picture is
published, the message's size and its checksum (FNV-1a, 64 bits, hexadecimal) as one line.
"""
import signal
import struct
import sys

import samepage

WIDTH, HEIGHT, PADDING, OFFSET = 317, 211, 12, 128
STRIDE = 4 * WIDTH + PADDING


def colour(x, y):
    """Red, green and blue: differs from all neighbours, in every byte."""
    mixed = (x * 2654435761 ^ y * 2246822519) >> 5
    return mixed & 255, mixed >> 8 & 255, mixed >> 16 & 255


def message_of(rows):
    """In BGRX, with room before the pixels and after each row."""
    head = struct.pack("=8sIII4sQ32x", b"picture", WIDTH, HEIGHT, STRIDE, b"BGRX", OFFSET)
    message = bytearray(head.ljust(OFFSET, b"\xee"))
    for row in rows:
        for red, green, blue in row:
            message += bytes((blue, green, red, 0x5a))
        message += b"\xee" * PADDING
    return message


def checksum(message):
    sum = 0xcbf29ce484222325
    for byte in message:
        sum = (sum ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return sum


def write_colours(path, rows):
    with open(path, "wb") as file:
        file.write(b"P6 %d %d 255\n" % (WIDTH, HEIGHT))
        for row in rows:
            file.write(b"".join(map(bytes, row)))


def main(topic, path):
    rows = [[colour(x, y) for x in range(WIDTH)] for y in range(HEIGHT)]
    message = message_of(rows)
    write_colours(path, rows)
    line = f"{len(message)} {checksum(message):016x}"
    with samepage.Publisher(topic, type="picture", budget=4 * len(message)) as publisher:
        with publisher.loan(len(message)) as loan:
            loan.data[:] = message
        print(line, flush=True)
        signal.pause()


main(*sys.argv[1:])
