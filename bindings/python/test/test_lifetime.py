"""What views, messages and handles do to each other when they end in any order."""
import copy
import gc
import os
import pickle
import random
import resource
import unittest

import samepage
from helper import Test, inode_at, later, numpy, with_numpy


class Lifetime(Test):
    def living(self, role):
        try:
            members = samepage.stat("topic:" + self.name)["members"]
        except samepage.NotFound:
            return 0
        return sum(member["alive"] and member["role"] == role for member in members)

    def test_a_view_outlives_message_subscriber_and_publisher(self):
        publisher, subscriber = self.topic(budget=1 << 20)
        publisher.send(b"x" * 100000)
        view = memoryview(subscriber.receive(0))
        subscriber.close()
        publisher.close()
        del subscriber, publisher
        gc.collect()
        self.assertEqual(bytes(view), b"x" * 100000)

    def test_a_closed_subscriber_stays_until_its_last_view_is_gone(self):
        publisher, subscriber = self.topic()
        publisher.send(b"x")
        view = memoryview(subscriber.receive(0))
        part = view[:0]
        subscriber.close()
        self.assertEqual(self.living("subscriber"), 1)
        view.release()
        self.assertEqual(self.living("subscriber"), 1)
        part.release()
        self.assertEqual(self.living("subscriber"), 0)

    def test_messages_without_views_do_not_keep_a_closed_subscriber(self):
        publisher, subscriber = self.topic()
        publisher.send(b"x")
        message = subscriber.receive(0)
        subscriber.close()
        self.assertEqual(self.living("subscriber"), 0)
        self.assertTrue(message.released)
        with self.assertRaisesRegex(ValueError, "message is not in hand"):
            bytes(message)

    def test_a_message_is_held_until_its_last_view_is_gone_whatever_is_published(self):
        publisher, subscriber = self.topic(budget=8192, slots=16)
        publisher.send(b"a" * 2000)
        message = subscriber.receive(0)
        view = memoryview(message)
        message.release()
        self.assertTrue(message.released)
        for _ in range(100):
            publisher.send(b"b" * 2000, timeout=1)
        self.assertEqual(bytes(view), b"a" * 2000)
        view.release()

    def test_a_message_is_given_back_once_by_release_context_or_last_reference(self):
        publisher, subscriber = self.topic(holds=8, slots=64)
        for way in ("release", "context", "reference", "twice") * 10:
            publisher.send(b"x")
            message = subscriber.receive(0)
            if way == "release":
                message.release()
            elif way == "context":
                with message:
                    pass
            elif way == "twice":
                message.release()
                message.release()
        del message
        held = []
        for _ in range(8):  # all eight holds are free again
            publisher.send(b"x")
            held.append(subscriber.receive(0))
        publisher.send(b"x")
        with self.assertRaises(samepage.Full):
            subscriber.receive(0)

    def test_a_loan_with_a_view_is_given_back_when_the_view_is_gone(self):
        publisher, _ = self.topic(budget=4096)
        loan = publisher.loan(3000)
        view = loan.data
        loan.discard()
        with self.assertRaises(samepage.WouldBlock):
            publisher.loan(3000, timeout=0)
        view.release()
        publisher.loan(3000, timeout=0).discard()

    def test_a_loan_can_be_written_after_its_publisher_was_closed(self):
        publisher, _ = self.topic(budget=1 << 20)
        loan = publisher.loan(100000)
        view = loan.data
        publisher.close()
        view[:] = b"w" * 100000
        with self.assertRaises(samepage.Closed):
            loan.publish()

    @with_numpy
    def test_arrays_of_a_closed_topic_can_be_read_and_the_memory_goes_with_the_last(self):
        publisher, subscriber = self.topic(budget=1 << 20)
        publisher.send(numpy.arange(10000))
        array = subscriber.receive(0).array("i8")
        half = array[::2]
        publisher.close()
        subscriber.close()
        del array
        self.assertEqual(half.sum(), 2 * sum(range(5000)))
        address = half.ctypes.data
        inode = inode_at(address)
        self.assertNotEqual(inode, 0)
        del half
        self.assertNotEqual(inode_at(address), inode)

    def test_any_order_of_ends_crashes_nothing_and_leaves_nothing(self):
        order = random.Random(1)
        for _ in range(200):
            publisher = samepage.Publisher(self.name, budget=1 << 16)
            subscriber = samepage.Subscriber(self.name)
            publisher.send(b"m" * 3000)
            message, loan = subscriber.receive(0), publisher.loan(3000)
            views = [memoryview(message), memoryview(loan)]
            views.append(views[0][10:20])
            ends = [publisher.close, subscriber.close, message.release, loan.discard]
            ends += [view.release for view in views]
            order.shuffle(ends)
            for end in ends:
                end()
            self.assertRaises(samepage.NotFound, samepage.stat, "topic:" + self.name)

    def test_closing_twice_and_using_what_is_closed_are_no_crash(self):
        publisher, subscriber = self.topic()
        for handle in (publisher, subscriber):
            handle.close()
            handle.close()
            self.assertTrue(handle.closed)
        for use in (lambda: publisher.send(b"x"), lambda: publisher.loan(3),
                    lambda: subscriber.receive(0), subscriber.fileno, lambda: subscriber.type):
            self.assertRaises(samepage.Closed, use)

    def test_opening_an_open_handle_again_is_refused(self):
        publisher, _ = self.topic()
        with self.assertRaisesRegex(ValueError, "open already"):
            publisher.__init__(self.name)
        self.assertRaises(samepage.Closed, samepage.Publisher.__new__(samepage.Publisher).send, b"")

    def test_pickling_and_copying_are_refused_and_say_what_to_do(self):
        publisher, subscriber = self.topic()
        publisher.send(b"x")
        message = subscriber.receive(0)
        for thing, advice in ((publisher, "open '" + self.name), (subscriber, "other process"),
                              (message, "bytes"), (samepage.WaitSet(), "its process")):
            for refuse in (pickle.dumps, copy.copy, copy.deepcopy):
                with self.assertRaisesRegex(TypeError, advice):
                    refuse(thing)

    def test_pieces_are_made_by_channels_alone(self):
        for kind in (samepage.Message, samepage.Loan, samepage.Job, samepage.Request,
                     samepage.Response, samepage.Chunk):
            with self.assertRaisesRegex(TypeError, "made by a channel"):
                kind()

    def test_a_handle_closed_by_another_thread_ends_the_wait(self):
        _, subscriber = self.topic()
        later(0.1, subscriber.close)
        with self.assertRaises(samepage.Closed):
            subscriber.receive(10)
        self.assertEqual(self.living("subscriber"), 0)


@unittest.skipIf("SAMEPAGE_SANITIZED" in os.environ, "the sanitizer keeps what is freed")
class Leaks(Test):
    """Memory does not grow with what is done often."""

    ROUNDS = 20000

    def grown(self, work):
        """KiB that the process has grown by, after it has settled."""
        for _ in range(self.ROUNDS):
            work()
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(self.ROUNDS):
            work()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    def test_sending_and_receiving(self):
        publisher, subscriber = self.topic()

        def work():
            publisher.send(b"x" * 100)
            message = subscriber.receive(timeout=0)
            memoryview(message).release()
            message.release()

        self.assertLess(self.grown(work), 512)

    def test_errors(self):
        _, subscriber = self.topic()

        def work():
            try:
                subscriber.receive(0)
            except samepage.WouldBlock:
                pass

        self.assertLess(self.grown(work), 512)

    def test_loans_and_arguments(self):
        publisher, _ = self.topic()

        def work():
            loan = publisher.loan((3, 4), "f", timeout=0)
            loan.data.release()
            loan.discard()
            try:
                publisher.loan((3, 4), nonsense=1)
            except TypeError:
                pass

        self.assertLess(self.grown(work), 512)

    def test_opening_and_closing(self):
        self.ROUNDS = 300
        self.opened(samepage.Publisher(self.name))
        descriptors = len(open_descriptors())

        def work():
            subscriber = samepage.Subscriber(self.name, type=None)
            subscriber.fileno()
            with samepage.WaitSet([subscriber]):
                pass

        self.assertLess(self.grown(work), 1024)
        self.assertEqual(len(open_descriptors()), descriptors)


def open_descriptors():
    return os.listdir("/proc/self/fd")
