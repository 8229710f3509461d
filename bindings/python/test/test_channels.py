import os
import signal
import struct
import time

import samepage
from helper import Test, inode_at, inode_of, later, numpy, with_numpy, address_of


class Cell(Test):
    def setUp(self):
        super().setUp()
        self.cell = self.opened(samepage.Cell(self.name, capacity=100))
        self.addCleanup(samepage.unlink_cell, self.name)

    def test_the_latest_value_is_read_with_its_version(self):
        with self.assertRaises(samepage.WouldBlock):
            self.cell.read()
        self.cell.write(b"one")
        self.cell.write(b"two")
        self.assertEqual(self.cell.read(), b"two")
        self.assertEqual(self.cell.version, 2)
        buffer = bytearray(10)
        self.assertEqual(self.cell.read_into(buffer), 3)
        self.assertEqual(buffer, b"two" + bytes(7))

    def test_next_and_iteration_give_what_is_newer(self):
        self.cell.write(b"one")
        self.assertEqual(self.cell.next(0), b"one")
        with self.assertRaises(samepage.WouldBlock):
            self.cell.next(0)
        later(0.05, lambda: self.opened(samepage.Cell(self.name)).write(b"two"))
        self.assertEqual(next(self.cell), b"two")
        self.cell.wait(1, timeout=0)
        with self.assertRaises(samepage.Timeout):
            self.cell.wait(2, timeout=0.01)

    def test_a_value_is_written_in_place_one_loan_at_a_time(self):
        with self.cell.loan(50) as loan:
            self.assertEqual(inode_at(address_of(memoryview(loan))), inode_of(self.name + ".cell"))
            with self.assertRaises(samepage.Full):
                self.cell.loan(50)
            loan.data[:3] = b"abc"
            loan.publish(3)
        self.assertEqual(self.cell.read(), b"abc")
        with self.assertRaises(samepage.TooBig):
            self.cell.loan(101)

    def test_a_write_uses_the_loan_up(self):
        loan = self.cell.loan(3)
        self.cell.write(b"written")
        with self.assertRaises(ValueError):
            loan.publish()
        self.assertEqual(self.cell.read(), b"written")

    def test_options_and_facts(self):
        other = samepage.Cell(self.name + "x", capacity=9000, type="t", type_size=3, schema="s")
        self.opened(other)
        self.addCleanup(samepage.unlink_cell, self.name + "x")
        self.assertEqual((other.capacity, other.type, other.type_size, other.schema),
                         (9000, "t", 3, "s"))
        other.write(bytes(9000))
        self.assertEqual(other.read(), bytes(9000))
        other.write(b"short")
        self.assertEqual(other.read(), b"short")
        reader = self.opened(samepage.Cell(self.name + "x", read_only=True))
        self.assertEqual(reader.read(), b"short")
        with self.assertRaises(samepage.NotPermitted):
            reader.write(b"no")
        with self.assertRaises(samepage.TypeMismatch):
            samepage.Cell(self.name + "x", type="other")

    def test_a_killed_writer_leaves_the_value_as_it_was(self):
        self.cell.write(b"whole")
        other = self.start("""
            cell = samepage.Cell(name)
            loan = cell.loan(100)
            loan.data[:4] = b"half"
            print("ready", flush=True)
            time.sleep(60)
        """)
        other.stdout.readline()
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        self.assertEqual(self.cell.read(), b"whole")
        self.cell.write(b"next", timeout=5)
        self.assertEqual(self.cell.read(), b"next")


class Stream(Test):
    def setUp(self):
        super().setUp()
        self.writer = self.opened(samepage.StreamWriter(self.name, capacity=4096))
        self.reader = self.opened(samepage.StreamReader(self.name))

    def test_bytes_come_in_order_to_the_end(self):
        self.assertEqual(self.writer.write(b"one"), 3)
        self.writer.write(b"two")
        self.assertEqual(self.reader.read(4), b"onet")
        buffer = bytearray(10)
        self.assertEqual(self.reader.read_into(buffer), 2)
        self.assertEqual(buffer[:2], b"wo")
        self.writer.end()
        self.assertEqual(self.reader.read(), b"")

    def test_a_writer_waits_for_room_and_says_how_much_it_wrote(self):
        self.assertEqual(self.writer.write(bytes(5000), timeout=0.01), 4096)
        with self.assertRaises(samepage.Timeout):
            self.writer.write(b"x", timeout=0.01)
        other = self.start("""
            reader = samepage.StreamReader(name + "2")
            print(sum(len(data) for data in reader), flush=True)
        """)
        with samepage.StreamWriter(self.name + "2", capacity=4096) as writer:
            self.assertEqual(writer.write(bytes(1000000)), 1000000)
        self.assertEqual(other.stdout.readline(), "1000000\n")

    def test_bytes_are_written_and_read_in_place(self):
        with self.writer.loan(100) as loan:
            inode = inode_of(self.name + ".stream")
            self.assertEqual(inode_at(address_of(memoryview(loan))), inode)
            loan.data[:] = bytes(range(100))
        chunk = self.reader.peek()
        self.assertEqual(bytes(chunk), bytes(range(100)))
        chunk.consume(10)
        with self.reader.peek() as chunk:
            self.assertEqual(bytes(chunk), bytes(range(10, 100)))
        self.writer.close()
        self.assertEqual(len(self.reader.peek()), 0)

    def test_nothing_is_read_beside_a_chunk_in_hand(self):
        self.writer.write(b"abc")
        chunk = self.reader.peek()
        with self.assertRaisesRegex(BufferError, "chunk"):
            self.reader.read()
        chunk.release()
        self.assertEqual(self.reader.read(), b"abc")
        loan = self.writer.loan(3)
        with self.assertRaisesRegex(BufferError, "loan"):
            self.writer.write(b"x")
        loan.discard()
        self.writer.write(b"x")

    def test_files_read_lines_and_write(self):
        with self.writer.makefile() as file:
            file.write(b"one\ntwo\nthree")
        with self.reader.makefile() as file:
            self.assertEqual(list(file), [b"one\n", b"two\n", b"three"])
        self.assertTrue(self.reader.closed)

    def test_the_end_and_the_death_of_a_writer_are_told_apart(self):
        other = self.start("""
            writer = samepage.StreamWriter(name + "2")
            writer.write(b"said")
            print("ready", flush=True)
            time.sleep(60)
        """)
        other.stdout.readline()
        reader = self.opened(samepage.StreamReader(self.name + "2"))
        later(0.1, other.kill)
        self.assertEqual(reader.read(), b"said")
        with self.assertRaises(samepage.PeerDead):
            reader.read(timeout=10)
        with self.assertRaises(ConnectionResetError):
            reader.read(timeout=10)

    def test_a_writer_whose_reader_left_gets_a_broken_pipe(self):
        self.reader.close()
        with self.assertRaises(BrokenPipeError):
            self.writer.write(bytes(10000), timeout=5)


class Queue(Test):
    def setUp(self):
        super().setUp()
        self.queue = self.opened(samepage.Queue(self.name))

    def test_jobs_come_in_order_and_are_done(self):
        for number in range(3):
            self.queue.push(b"%d" % number)
        self.assertEqual(samepage.stat("queue:" + self.name)["waiting"], 3)
        for number in range(3):
            with self.queue.pop(0) as job:
                self.assertEqual(bytes(job), b"%d" % number)
                self.assertEqual(job.deliveries, 1)
        with self.assertRaises(samepage.WouldBlock):
            self.queue.pop(0)

    def test_a_job_comes_back_by_an_exception_or_if_it_is_let_go(self):
        self.queue.push(b"job")
        with self.assertRaises(ZeroDivisionError):
            with self.queue.pop(0) as job:
                1 / 0
        job = self.queue.pop(0)
        self.assertEqual(job.deliveries, 2)
        del job
        job = self.queue.pop(0)
        self.assertEqual(job.deliveries, 3)
        job.put_back()
        job = self.queue.pop(0)
        job.done()
        with self.assertRaises(ValueError):
            job.done()
        self.assertEqual(samepage.stat("queue:" + self.name)["waiting"], 0)

    def test_done_is_at_once_though_views_are_there(self):
        self.queue.push(b"job" * 100)
        job = self.queue.pop(0)
        view = memoryview(job)
        job.done()
        self.assertEqual(samepage.stat("queue:" + self.name)["taken"], 0)
        self.queue.close()
        self.assertEqual(len(bytes(view)), 300)

    def test_a_loan_is_pushed_in_place(self):
        loan = self.queue.loan(5)
        loan.data[:] = b"loan1"
        self.queue.push(loan)
        self.assertTrue(loan.released)
        with self.queue.loan(5) as loan:
            loan.data[:] = b"loan2"
        self.assertEqual([bytes(self.queue.pop(0)) for _ in range(1)], [b"loan1"])
        self.queue.pop(0).done()
        self.assertEqual(bytes(self.queue.pop(0)), b"loan2")

    def test_jobs_of_a_killed_consumer_go_to_another_one(self):
        self.queue.push(b"job")
        other = self.start("""
            queue = samepage.Queue(name)
            job = queue.pop(10)
            print("taken", flush=True)
            time.sleep(60)
        """)
        other.stdout.readline()
        later(0.05, other.kill)
        with self.queue.pop(10) as job:
            self.assertEqual((bytes(job), job.deliveries), (b"job", 2))

    def test_two_processes_share_the_work(self):
        consumers = [self.start("""
            queue, done = samepage.Queue(name), 0
            try:
                while True:
                    with queue.pop(1 if done else 10):
                        done += 1
            except samepage.Timeout:
                print(done, flush=True)
        """) for _ in range(2)]
        for _ in range(1000):
            self.queue.push(b"x", timeout=10)
        self.assertEqual(sum(int(consumer.stdout.readline()) for consumer in consumers), 1000)


class Service(Test):
    def setUp(self):
        super().setUp()
        self.server = self.opened(samepage.Server(self.name))
        self.client = self.opened(samepage.Client(self.name))

    def test_requests_are_answered_in_any_order(self):
        numbers = [self.client.send(text) for text in (b"one", b"two", b"three")]
        requests = [self.server.receive(0) for _ in range(3)]
        for request in reversed(requests):
            self.assertTrue(request.reply(bytes(request).upper()))
        answers = {}
        for _ in range(3):
            response = self.client.receive(0)
            answers[response.request] = bytes(response)
        self.assertEqual([answers[number] for number in numbers], [b"ONE", b"TWO", b"THREE"])
        with self.assertRaises(samepage.NotFound):
            self.client.receive(0)

    def test_a_call_keeps_what_comes_for_other_requests(self):
        other = self.client.send(b"other")
        later(0.05, self.answer_two)
        self.assertEqual(bytes(self.client.call(b"call", timeout=10)), b"CALL")
        with samepage.WaitSet([self.client]) as waits:
            self.assertEqual(waits.wait(0), [self.client])
        response = self.client.receive(0)
        self.assertEqual((response.request, bytes(response)), (other, b"OTHER"))

    def answer_two(self):
        for _ in range(2):
            request = self.server.receive(5)
            request.reply(bytes(request).upper())

    def test_loans_go_both_ways(self):
        later(0.05, self.answer_with_loan)
        loan = self.client.loan(200)
        loan.data[:] = b"a" * 200
        self.assertEqual(bytes(self.client.call(loan, timeout=10)), b"b" * 300)
        with self.assertRaises(TypeError):
            self.server.loan(3).publish()

    def answer_with_loan(self):
        request = self.server.receive(5)
        loan = self.server.loan(300)
        loan.data[:] = b"b" * 300
        request.reply(loan)

    def test_a_refusal_is_the_exception_of_its_number(self):
        for code, kind in ((-6, samepage.NotPermitted), (-77, samepage.Refused)):
            number = self.client.send(b"x")
            self.server.receive(0).refuse(code)
            with self.assertRaises(kind) as caught:
                self.client.receive(0)
            self.assertEqual((caught.exception.code, caught.exception.request), (code, number))
        self.client.send(b"x")
        with self.assertRaises(ValueError):
            self.server.receive(0).refuse(5)
        with self.assertRaises(samepage.Closed):  # the request was let go unanswered
            self.client.receive(0)

    def test_a_reply_that_nobody_wants_is_no_error(self):
        with self.assertRaises(samepage.Timeout):
            self.client.call(b"x", timeout=0.01)
        self.client.cancel(self.client.send(b"x"))
        number = self.client.send(b"y")
        request = self.server.receive(0)
        self.client.cancel(number)
        self.assertFalse(request.reply(b"too late"))

    def test_the_death_of_the_server_is_told_to_who_called(self):
        self.server.close()
        other = self.start("""
            server = samepage.Server(name)
            request = server.receive(10)
            print("taken", flush=True)
            time.sleep(60)
        """)
        later(0, lambda: other.stdout.readline() and other.kill())
        with self.assertRaises(samepage.PeerDead) as caught:
            self.client.call(b"x", timeout=15)
        self.assertIsNotNone(caught.exception.request)

    def test_a_server_in_another_process(self):
        self.server.close()
        self.start("""
            with samepage.Server(name) as server:
                for request in server:
                    request.reply(bytes(request)[::-1])
        """)
        for number in range(100):
            self.assertEqual(bytes(self.client.call(b"%05d" % number, timeout=10)),
                             (b"%05d" % number)[::-1])


class Segment(Test):
    def setUp(self):
        super().setUp()
        self.path = "posix:/" + self.name
        self.segment = self.opened(samepage.Segment.create(self.path, 8192))
        self.addCleanup(samepage.unlink_segment, self.path)

    def test_two_openings_share_their_bytes(self):
        other = self.opened(samepage.Segment.open(self.path))
        self.segment.data[5:8] = b"abc"
        self.assertEqual(bytes(other.data[5:8]), b"abc")
        self.assertEqual((other.size, len(other), other.name), (8192, 8192, self.path))

    def test_it_stays_mapped_as_long_as_views_are_there(self):
        view = memoryview(self.segment)
        self.segment.close()
        view[8191] = 7
        self.assertEqual(view[8191], 7)
        with self.assertRaises(samepage.Closed):
            memoryview(self.segment)

    def test_read_only_segments_have_read_only_views(self):
        other = self.opened(samepage.Segment.open(self.path, access=samepage.READ_ONLY))
        self.assertTrue(memoryview(other).readonly)
        with self.assertRaises(TypeError):
            other.data[0] = 1
        private = self.opened(samepage.Segment.open(self.path, access=samepage.COPY_ON_WRITE))
        private.data[0] = 9
        self.assertEqual(self.segment.data[0], 0)

    def test_growing_is_refused_while_views_are_there(self):
        view = self.segment.data
        with self.assertRaises(BufferError):
            self.segment.resize(16384)
        view.release()
        self.segment.resize(16384)
        self.assertEqual(self.segment.size, 16384)
        with self.assertRaises(samepage.TooBig):
            self.segment.resize(100)

    def test_who_makes_it_prepares_it_unseen(self):
        name = "posix:/" + self.name + "p"
        options = dict(managed=True, exclusive=False, temporary=True, prepare=self.fill)
        first = self.opened(samepage.Segment.create(name, 100, **options))
        second = self.opened(samepage.Segment.create(name, 100, **options))
        self.assertEqual(bytes(second.data[:4]), b"made")
        self.assertEqual(self.made, 1)
        first.close()
        second.close()
        with self.assertRaises(samepage.NotFound):
            samepage.Segment.open(name, managed=True)
        with self.assertRaises(ZeroDivisionError):
            samepage.Segment.create(name, 100, prepare=lambda view: 1 / 0)
        with self.assertRaises(FileNotFoundError):
            samepage.Segment.open(name)

    made = 0

    def fill(self, view):
        self.made += 1
        view[:4] = b"made"

    def test_a_memfd_is_sealed_and_sent_over_a_socket(self):
        import socket
        memory = self.opened(samepage.Segment.create("memfd:x", 4096))
        memory.data[:3] = b"fds"
        one, two = socket.socketpair()
        with one, two:
            memory.send(one)
            received = self.opened(samepage.Segment.receive(two, access=samepage.READ_ONLY))
        again = self.opened(samepage.Segment.from_fd(memory))
        self.assertEqual(bytes(received.data[:3]) + bytes(again.data[:3]), b"fdsfds")
        memory.seal(samepage.SEAL_GROW)
        with self.assertRaises(samepage.NotPermitted):
            memory.resize(8192)

    @with_numpy
    def test_arrays_lie_in_the_segment(self):
        array = self.segment.array("f8", (10, 10), 64)
        self.assertEqual(array.ctypes.data, self.segment.address + 64)
        array[:] = 1.5
        self.assertEqual(self.segment.array("f8", offset=64)[:100].sum(), 150)
        self.assertEqual(self.segment.array().shape, (8192,))

    def test_a_mutex_of_the_dead_is_repaired_by_the_next_one(self):
        samepage.Mutex(self.segment, 64, create=True)
        child = self.start("""
            segment = samepage.Segment.open("posix:/" + name)
            samepage.Mutex(segment, 64).acquire()
            print("held", flush=True)
            time.sleep(60)
        """)
        child.stdout.readline()
        with self.assertRaises(samepage.Timeout):
            samepage.Mutex(self.segment, 64).acquire(0.01)
        child.kill()
        with self.assertRaises(samepage.OwnerDead):
            samepage.Mutex(self.segment, 64).acquire(10)
        repaired = []
        with samepage.Mutex(self.segment, 64, repair=lambda: repaired.append(1)) as mutex:
            with self.assertRaises(samepage.Deadlock):
                mutex.acquire()
        with mutex:
            pass
        self.assertEqual(repaired, [1])

    def test_a_mutex_keeps_counts_exact_between_processes(self):
        samepage.Mutex(self.segment, create=True)
        program = """
            segment = samepage.Segment.open("posix:/" + name)
            mutex, count = samepage.Mutex(segment), segment.data[64:72].cast("q")
            for _ in range(2000):
                with mutex:
                    count[0] += 1
        """
        for other in [self.start(program) for _ in range(2)]:
            self.assertEqual(other.wait(), 0)
        self.assertEqual(struct.unpack("q", self.segment.data[64:72])[0], 4000)

    def test_semaphores_and_events(self):
        semaphore = samepage.Semaphore(self.segment, 256, value=1)
        self.assertEqual(semaphore.value, 1)
        with samepage.Semaphore(self.segment, 256):
            self.assertEqual(semaphore.value, 0)
            with self.assertRaises(samepage.WouldBlock):
                semaphore.acquire(timeout=0)
        event = samepage.Event(self.segment, 512, create=True)
        later(0.05, samepage.Event(self.segment, 512).set)
        event.wait(10)
        event.clear()
        with self.assertRaises(samepage.Timeout):
            event.wait(0.01)
        self.assertRaises(samepage.NotPermitted,
                          samepage.Semaphore(self.segment, 1024, permits=1).release)

    def test_locks_lie_within_the_segment_and_keep_it(self):
        for offset in (-8, 8192 - 24, 4):
            with self.assertRaises(ValueError):
                samepage.Mutex(self.segment, offset, create=True)
        event = samepage.Event(self.segment, create=True)
        self.segment.close()
        event.set()
        event.wait(0)


class WaitSet(Test):
    def test_those_that_are_ready_are_told(self):
        publisher, subscriber = self.topic()
        queue = self.opened(samepage.Queue(self.name + "q"))
        with samepage.WaitSet([subscriber]) as waits:
            waits.add(queue)
            self.assertEqual(len(waits), 2)
            with self.assertRaises(samepage.Exists):
                waits.add(queue)
            with self.assertRaises(samepage.Timeout):
                waits.wait(0.03)
            queue.push(b"x")
            self.assertEqual(waits.wait(1), [queue])
            publisher.send(b"x")
            self.assertCountEqual(waits.wait(1), [queue, subscriber])
            waits.remove(queue)
            self.assertEqual(waits.wait(1), [subscriber])

    def test_a_sleeper_is_woken_and_what_was_closed_is_taken_out(self):
        publisher, subscriber = self.topic()
        queue = samepage.Queue(self.name + "q")
        waits = self.opened(samepage.WaitSet([queue, subscriber]))
        queue.close()
        later(0.1, lambda: publisher.send(b"x"))
        self.assertEqual(waits.wait(10), [subscriber])
        self.assertEqual(len(waits), 1)
        with self.assertRaises(samepage.Closed):
            waits.add(queue)
        with self.assertRaises(TypeError):
            waits.add(publisher)
        with self.assertRaises(TypeError):
            waits.add("no handle")

    def test_a_member_is_used_by_another_thread_while_the_set_waits(self):
        _, subscriber = self.topic()
        queue = self.opened(samepage.Queue(self.name + "q"))
        waits = self.opened(samepage.WaitSet([subscriber, queue]))
        later(0.05, lambda: queue.push(b"x"))
        self.assertEqual(waits.wait(10), [queue])


class Node(Test):
    def test_a_node_of_another_domain_finds_that_domains_channels(self):
        domain = os.environ["SAMEPAGE_DOMAIN"] + "/other-" + self.name
        node = self.opened(samepage.Node(domain=domain, name="tester"))
        try:
            publisher = samepage.Publisher(self.name, node=node)
            with self.assertRaises(samepage.NotFound):
                samepage.Subscriber(self.name)
            subscriber = samepage.Subscriber(self.name, node=node)
            self.assertEqual(node.domain, domain)
            self.assertTrue(node.alive(node.id))
            self.assertFalse(node.alive(node.id + (1 << 12)))
            node.close()  # stays as long as what was opened on it
            publisher.send(b"x")
            self.assertEqual(bytes(subscriber.receive(0)), b"x")
            kinds = {entry["kind"] for entry in samepage.list_domain(domain)}
            self.assertEqual(kinds, {"node", "topic"})
            with self.assertRaises(samepage.Closed):
                samepage.Publisher(self.name, node=node)
            publisher.close()
            subscriber.close()
            self.assertEqual(samepage.list_domain(domain), [])
        finally:
            node.close()
            for file in os.listdir(domain):
                os.unlink(os.path.join(domain, file))
            os.rmdir(domain)

    def test_what_a_killed_process_left_is_collected(self):
        other = self.start("""
            queue = samepage.Queue(name)
            print("ready", flush=True)
            time.sleep(60)
        """)
        other.stdout.readline()
        other.kill()
        other.wait()
        collected = samepage.collect()
        self.assertGreaterEqual(collected["nodes"], 1)
        self.assertEqual([text for weight, _, text in samepage.check() if weight == 2], [])
