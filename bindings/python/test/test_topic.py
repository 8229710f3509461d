import os
import signal

import samepage
from helper import Test, address_of, later, inode_at, inode_of, numpy, with_numpy


class Topic(Test):
    def test_what_is_sent_is_received_in_order_with_its_number(self):
        publisher, subscriber = self.topic()
        for text in (b"one", b"two", b""):
            publisher.send(text)
        messages = [subscriber.receive(0) for _ in range(3)]
        self.assertEqual([bytes(message) for message in messages], [b"one", b"two", b""])
        first = messages[0].sequence
        self.assertEqual([message.sequence for message in messages], [first, first + 1, first + 2])
        self.assertEqual(messages[0].lost, 0)
        self.assertEqual(len(messages[0]), messages[0].size)

    def test_any_buffer_is_sent_contiguous_ones_only(self):
        publisher, subscriber = self.topic()
        publisher.send(bytearray(b"bytes"))
        publisher.send(memoryview(b"a view")[2:])
        self.assertEqual(bytes(subscriber.receive(0)), b"bytes")
        self.assertEqual(bytes(subscriber.receive(0)), b"view")
        with self.assertRaises(BufferError):
            publisher.send(memoryview(b"every other")[::2])
        with self.assertRaises(TypeError):
            publisher.send("a text")

    def test_a_loan_is_written_in_place_and_published_at_the_end_of_its_context(self):
        publisher, subscriber = self.topic()
        with publisher.loan(100) as loan:
            loan.data[:] = bytes(range(100))
            with self.assertRaises(samepage.WouldBlock):
                subscriber.receive(0)
        self.assertTrue(loan.released)
        self.assertEqual(bytes(subscriber.receive(0)), bytes(range(100)))

    def test_an_exception_discards_the_loan(self):
        publisher, subscriber = self.topic(budget=4096)
        for _ in range(40):  # more than there would be room for
            with self.assertRaises(ZeroDivisionError):
                with publisher.loan(1000):
                    1 / 0
        with self.assertRaises(samepage.WouldBlock):
            subscriber.receive(0)

    def test_a_part_of_a_loan_is_published(self):
        publisher, subscriber = self.topic()
        loan = publisher.loan(10)
        loan.data[:3] = b"abc"
        publisher.publish(loan, 3)
        self.assertEqual(bytes(subscriber.receive(0)), b"abc")
        with self.assertRaisesRegex(ValueError, "not in hand"):
            loan.publish()
        with self.assertRaises(TypeError):
            publisher.publish(b"no loan")

    def test_loans_have_the_shape_and_element_type_that_were_asked_for(self):
        publisher, _ = self.topic()
        with memoryview(publisher.loan((2, 3, 4), "f")) as view:
            self.assertEqual((view.shape, view.format, view.itemsize, view.nbytes),
                             ((2, 3, 4), "f", 4, 96))
            self.assertFalse(view.readonly)
        with self.assertRaises(ValueError):
            publisher.loan(-1)
        with self.assertRaises(OverflowError):
            publisher.loan((1 << 40, 1 << 40))
        with self.assertRaises(samepage.TooBig):
            publisher.loan(1 << 30)

    @with_numpy
    def test_numpy_arrays_lie_in_the_topic_on_both_sides(self):
        publisher, subscriber = self.topic(budget=1 << 20)
        loan = publisher.loan((48, 64, 3), numpy.uint16)
        array = loan.array()
        self.assertEqual((array.shape, array.dtype), ((48, 64, 3), numpy.uint16))
        self.assertEqual(inode_at(array.ctypes.data), inode_of(self.name + ".topic"))
        array[:] = numpy.arange(48 * 64 * 3).reshape(48, 64, 3)
        loan.publish()
        received = subscriber.receive(0).array(numpy.uint16, (48, 64, 3))
        self.assertEqual(inode_at(received.ctypes.data), inode_of(self.name + ".topic"))
        self.assertTrue((received == array).all())
        self.assertFalse(received.flags.writeable)
        self.assertFalse(received.flags.owndata)

    @with_numpy
    def test_structured_types_are_laid_out_as_numpy_does_and_objects_are_refused(self):
        publisher, subscriber = self.topic()
        kind = numpy.dtype([("at", "<f8"), ("channel", "u1")])
        with publisher.loan(5, kind) as loan:
            array = loan.array()
            self.assertEqual(array.dtype.names, ("at", "channel"))
            array["at"] = 1.5
            array["channel"] = range(5)
            del array
        received = subscriber.receive(0).array(kind)
        self.assertEqual(list(received["channel"]), [0, 1, 2, 3, 4])
        self.assertEqual(received["at"].sum(), 7.5)
        with self.assertRaisesRegex(TypeError, "objects"):
            publisher.loan(5, object)

    def test_writable_views_lie_in_the_topic_and_messages_are_read_only(self):
        publisher, subscriber = self.topic()
        with memoryview(publisher.loan(4096)) as view:
            self.assertEqual(inode_at(address_of(view)), inode_of(self.name + ".topic"))
        publisher.send(b"constant")
        with self.assertRaises(TypeError):
            subscriber.receive(0).data[0] = 1

    def test_iteration_gives_each_message_and_ends_when_it_is_closed(self):
        publisher, subscriber = self.topic()
        for number in range(5):
            publisher.send(b"%d" % number)
        received = []
        for message in subscriber:
            received.append(bytes(message))
            if len(received) == 5:
                subscriber.close()
        self.assertEqual(received, [b"0", b"1", b"2", b"3", b"4"])

    def test_who_may_lose_is_told_how_many_it_missed(self):
        publisher, subscriber = self.topic(slots=4)
        for number in range(20):
            publisher.send(b"%d" % number)
        message = subscriber.receive(0)
        self.assertGreater(message.lost, 0)
        self.assertEqual(bytes(message), b"%d" % message.lost)

    def test_who_must_not_lose_holds_the_publisher_up(self):
        publisher = self.opened(samepage.Publisher(self.name, slots=4))
        subscriber = self.opened(samepage.Subscriber(self.name, must_not_lose=True))
        with self.assertRaises(samepage.WouldBlock):
            for _ in range(20):
                publisher.send(b"x", timeout=0)
        with self.assertRaises(samepage.Timeout):
            publisher.send(b"x", timeout=0.03)
        subscriber.receive(0)
        subscriber.receive(0)
        publisher.send(b"x", timeout=1)

    def test_all_options_reach_the_library(self):
        publisher = self.opened(samepage.Publisher(
            self.name, mode=0o640, budget=1 << 20, slots=16, slot_size=128, publishers=2,
            subscribers=3, holds=16, history=4, timed=True, keep=True, type="picture", type_size=7,
            schema="a schema"))
        self.addCleanup(samepage.unlink_topic, self.name)
        for number in range(8):
            publisher.send(b"%d" % number)
        subscriber = self.opened(samepage.Subscriber(self.name, history=3, type="picture",
                                                     type_size=7))
        self.assertEqual([bytes(subscriber.receive(0)) for _ in range(3)], [b"5", b"6", b"7"])
        facts = samepage.stat("topic:" + self.name)
        self.assertEqual((facts["capacity"], facts["mode"], facts["kept"]), (16, 0o640, True))
        self.assertEqual((subscriber.type, subscriber.type_size, subscriber.schema),
                         ("picture", 7, "a schema"))
        publisher.send(b"timed")
        self.assertGreater(subscriber.receive(0).time, 0)
        with self.assertRaisesRegex(TypeError, "unexpected keyword argument 'slot'"):
            samepage.Publisher(self.name, slot=3)
        with self.assertRaises(OverflowError):
            samepage.Publisher(self.name, slots=1 << 40)

    def test_a_subscriber_waits_for_the_topic_to_be_made(self):
        made = []
        later(0.1, lambda: made.append(samepage.Publisher(self.name)))
        self.opened(samepage.Subscriber(self.name, timeout=10))
        self.opened(made[0])

    def test_a_read_only_subscriber_gets_copies(self):
        publisher, _ = self.topic(budget=1 << 20)
        reader = self.opened(samepage.Subscriber(self.name, read_only=True))
        publisher.send(bytes(5000))
        message = reader.receive(1)
        view = message.data
        reader.close()
        self.assertEqual(bytes(view), bytes(5000))

    def test_messages_pass_between_two_processes(self):
        publisher = self.opened(samepage.Publisher(self.name))
        other = self.start("""
            with samepage.Subscriber(name, must_not_lose=True) as subscriber:
                print("here", flush=True)
                print(sum(len(subscriber.receive(10)) for _ in range(1000)), flush=True)
        """)
        self.assertEqual(other.stdout.readline(), "here\n")
        for number in range(1000):
            publisher.send(bytes(number % 100), timeout=10)
        self.assertEqual(other.stdout.readline(), "49500\n")
        self.assertEqual(other.wait(), 0)

    def test_what_a_killed_publisher_published_stays_and_another_one_goes_on(self):
        publisher, subscriber = self.topic()
        other = self.start("""
            publisher = samepage.Publisher(name)
            publisher.send(b"last words")
            loan = publisher.loan(100)
            print("ready", flush=True)
            time.sleep(60)
        """)
        other.stdout.readline()
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        publisher.send(b"goes on")
        self.assertEqual(bytes(subscriber.receive(1)), b"last words")
        self.assertEqual(bytes(subscriber.receive(1)), b"goes on")
        self.assertEqual([w for w, *_ in samepage.check("topic:" + self.name) if w == 2], [])

    def test_a_killed_subscriber_that_must_not_lose_holds_nobody_up(self):
        publisher, _ = self.topic(slots=4)
        other = self.start("""
            subscriber = samepage.Subscriber(name, must_not_lose=True)
            print("ready", flush=True)
            time.sleep(60)
        """)
        other.stdout.readline()
        later(0.1, other.kill)
        for _ in range(100):
            publisher.send(b"x", timeout=5)
