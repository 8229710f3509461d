"""Threads, signals, forks, event loops."""
import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
import time

import samepage
from helper import Test, later


class Waiting(Test):
    def wait_for(self, subscriber, seconds):
        with contextlib.suppress(samepage.Timeout):
            subscriber.receive(seconds)


class Threads(Waiting):
    def test_other_threads_run_while_one_waits(self):
        _, subscriber = self.topic()
        waiting = threading.Thread(target=self.wait_for, args=(subscriber, 0.3))
        waiting.start()
        turns = 0
        while waiting.is_alive():
            turns += 1
            time.sleep(0.001)
        self.assertGreater(turns, 20)

    def test_a_handle_is_used_by_another_thread_while_one_waits(self):
        queue = self.opened(samepage.Queue(self.name))
        later(0.1, lambda: queue.push(b"by the same handle"))
        self.assertEqual(bytes(queue.pop(10)), b"by the same handle")

    def test_messages_are_given_back_while_another_thread_waits(self):
        publisher, subscriber = self.topic(holds=8)
        for _ in range(7):
            publisher.send(b"x")
        held = [subscriber.receive(0) for _ in range(7)]
        waiting = threading.Thread(target=self.wait_for, args=(subscriber, 0.2))
        waiting.start()
        time.sleep(0.05)
        del held
        waiting.join()
        for _ in range(8):
            publisher.send(b"y")
        held = [subscriber.receive(0) for _ in range(8)]
        self.assertEqual({bytes(message) for message in held}, {b"y"})

    def test_two_threads_call_by_one_client(self):
        server = self.opened(samepage.Server(self.name))
        client = self.opened(samepage.Client(self.name))
        wrong = []

        def serve():
            with contextlib.suppress(samepage.Timeout):
                while True:
                    request = server.receive(1)
                    request.reply(bytes(request) * 2)

        def call(number):
            for turn in range(50):
                text = b"%d-%d" % (number, turn)
                if bytes(client.call(text, timeout=10)) != text * 2:
                    wrong.append(text)

        threads = [threading.Thread(target=serve)]
        threads += [threading.Thread(target=call, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_large_copy_runs_without_the_interpreters_lock(self):
        publisher, _ = self.topic(budget=256 << 20)
        data = bytes(200 << 20)
        counted, stop = [0], threading.Event()

        def count():
            while not stop.is_set():
                counted[0] += 1
                time.sleep(0)

        thread = threading.Thread(target=count)
        thread.start()
        before = counted[0]
        publisher.send(data)
        during = counted[0] - before
        stop.set()
        thread.join()
        self.assertGreater(during, 0)


class Signals(Test):
    def test_an_interrupt_ends_every_wait(self):
        subscriber = self.topic()[1]
        cell = self.opened(samepage.Cell(self.name, capacity=10))
        self.addCleanup(samepage.unlink_cell, self.name)
        client = self.opened(samepage.Client(self.name))
        reader = self.opened(samepage.StreamReader(self.name))
        queue = self.opened(samepage.Queue(self.name))
        waits = self.opened(samepage.WaitSet([subscriber]))
        for wait in (subscriber.receive, cell.next, reader.read, queue.pop, waits.wait,
                     lambda: client.call(b"x"),
                     lambda: samepage.Subscriber(self.name + "none", timeout=30)):
            later(0.05, lambda: os.kill(os.getpid(), signal.SIGINT))
            with self.assertRaises(KeyboardInterrupt):
                wait()

    def test_a_handler_that_returns_does_not_end_the_wait(self):
        publisher, subscriber = self.topic()
        came = []
        signal.signal(signal.SIGUSR1, lambda *_: came.append(subscriber.closed))
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.SIG_DFL)
        later(0.05, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        later(0.2, lambda: publisher.send(b"x"))
        self.assertEqual(bytes(subscriber.receive(10)), b"x")
        self.assertEqual(came, [False])

    def test_a_handler_may_use_the_handle_that_waits(self):
        queue = self.opened(samepage.Queue(self.name))
        signal.signal(signal.SIGUSR1, lambda *_: queue.push(b"by the handler"))
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.SIG_DFL)
        later(0.05, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        self.assertEqual(bytes(queue.pop(10)), b"by the handler")


def work_in_child(name, pipe):
    publisher = samepage.Publisher(name)
    publisher.send(b"from the child")
    pipe.send("sent")


class Forks(Waiting):
    def test_a_child_has_none_of_its_parents_handles(self):
        publisher, subscriber = self.topic()
        publisher.send(b"x")
        self.assertEqual(self.in_fork(lambda: subscriber.receive(0)), "Forked")
        self.assertEqual(self.in_fork(lambda: publisher.send(b"y")), "Forked")
        self.assertEqual(bytes(subscriber.receive(0)), b"x")

    def test_views_of_the_parent_can_be_read_and_everything_closed_in_a_child(self):
        publisher, subscriber = self.topic(budget=1 << 20)
        publisher.send(b"v" * 50000)
        message = subscriber.receive(0)
        view = memoryview(message)

        def use():
            first = bytes(view)
            message.release()
            subscriber.close()
            publisher.close()
            same = bytes(view) == first
            view.release()
            return same

        self.assertEqual(self.in_fork(use), "True")
        self.assertEqual(bytes(view), b"v" * 50000)
        publisher.send(b"the parent goes on")
        self.assertEqual(bytes(subscriber.receive(0)), b"the parent goes on")

    def test_a_child_opens_handles_of_its_own(self):
        publisher, _ = self.topic()

        def talk():
            subscriber = samepage.Subscriber(self.name, history=1)
            return bytes(subscriber.receive(1))

        publisher.send(b"hello")
        self.assertEqual(self.in_fork(talk), "b'hello'")

    def test_a_child_of_a_thread_that_waits_is_told_and_does_not_hang(self):
        _, subscriber = self.topic()
        thread = threading.Thread(target=self.wait_for, args=(subscriber, 0.5))
        thread.start()
        time.sleep(0.1)
        self.assertEqual(self.in_fork(lambda: subscriber.receive(0)), "Forked")
        thread.join()

    def test_multiprocessing_by_every_method(self):
        _, subscriber = self.topic()
        for method in multiprocessing.get_all_start_methods():
            context = multiprocessing.get_context(method)
            here, there = context.Pipe()
            child = context.Process(target=work_in_child, args=(self.name, there))
            child.start()
            self.assertEqual(here.recv(), "sent", method)
            child.join()
            self.assertEqual(child.exitcode, 0, method)
            self.assertEqual(bytes(subscriber.receive(5)), b"from the child")
            here.close()
            there.close()


class EventLoop(Test):
    def run_async(self, program):
        return asyncio.run(asyncio.wait_for(program, 20))

    def test_messages_are_awaited_and_iterated(self):
        publisher, subscriber = self.topic()

        async def listen():
            first = bytes(await subscriber.receive_async())
            rest = []
            async for message in subscriber:
                rest.append(bytes(message))
                if len(rest) == 3:
                    subscriber.close()
            return first, rest

        async def talk():
            for number in range(4):
                await asyncio.sleep(0.02)
                publisher.send(b"%d" % number)

        async def both():
            return (await asyncio.gather(listen(), talk()))[0]

        self.assertEqual(self.run_async(both()), (b"0", [b"1", b"2", b"3"]))

    def test_the_loop_runs_on_while_a_task_waits(self):
        _, subscriber = self.topic()

        async def count():
            waiting = asyncio.ensure_future(subscriber.receive_async())
            for turns in range(50):
                await asyncio.sleep(0.002)
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting
            return turns

        self.assertEqual(self.run_async(count()), 49)

    def test_closing_ends_a_task_that_waits(self):
        _, subscriber = self.topic()

        async def close():
            waiting = asyncio.ensure_future(subscriber.receive_async())
            await asyncio.sleep(0.02)
            with self.assertRaises(RuntimeError):
                await subscriber.receive_async()
            subscriber.close()
            with self.assertRaises(samepage.Closed):
                await waiting

        self.run_async(close())

    def test_cells_queues_and_streams_are_awaited(self):
        cell = self.opened(samepage.Cell(self.name, capacity=10))
        self.addCleanup(samepage.unlink_cell, self.name)
        queue = self.opened(samepage.Queue(self.name))
        writer = self.opened(samepage.StreamWriter(self.name, capacity=4096))
        reader = self.opened(samepage.StreamReader(self.name))

        async def say():
            await asyncio.sleep(0.02)
            self.opened(samepage.Cell(self.name)).write(b"value")
            self.opened(samepage.Queue(self.name)).push(b"job")
            await writer.write_async(bytes(100000))
            writer.end()

        async def listen():
            size = 0
            async for data in reader:
                size += len(data)
            return size

        async def all_of_them():
            async with contextlib.AsyncExitStack():
                return (await asyncio.gather(cell.next_async(), queue.pop_async(), listen(),
                                             say()))[:3]

        value, job, size = self.run_async(all_of_them())
        self.assertEqual((value, bytes(job), size), (b"value", b"job", 100000))

    def test_calls_are_awaited_many_at_a_time(self):
        server = self.opened(samepage.Server(self.name))
        client = self.opened(samepage.Client(self.name))

        async def serve():
            waiting = []
            async for request in server:
                waiting.append(request)
                if len(waiting) < 10:
                    continue
                for one in reversed(waiting):  # the last one first
                    if bytes(one) == b"7":
                        one.refuse(-77)
                    else:
                        one.reply(bytes(one) * 2)
                return

        async def ask(number):
            try:
                return bytes(await client.call_async(b"%d" % number))
            except samepage.Refused as error:
                return error.code

        async def both():
            serving = asyncio.ensure_future(serve())
            asking = [asyncio.ensure_future(ask(number)) for number in range(10)]
            await asyncio.sleep(0)
            with self.assertRaises(RuntimeError):
                client.call(b"x")
            answers = await asyncio.gather(*asking)
            await serving
            return answers

        expected = [b"%d" % number * 2 for number in range(10)]
        expected[7] = -77
        self.assertEqual(self.run_async(both()), expected)

    def test_a_cancelled_call_cancels_its_request_and_the_next_one_works(self):
        server = self.opened(samepage.Server(self.name))
        client = self.opened(samepage.Client(self.name))

        async def cancel():
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(client.call_async(b"one"), 0.05)
            asking = asyncio.ensure_future(client.call_async(b"two"))
            request = await server.receive_async()
            if bytes(request) == b"one":
                self.assertFalse(request.reply(b"unwanted"))
                request = await server.receive_async()
            request.reply(b"wanted")
            return bytes(await asking)

        self.assertEqual(self.run_async(cancel()), b"wanted")

    def test_closing_a_client_ends_its_calls(self):
        client = self.opened(samepage.Client(self.name))

        async def close():
            asking = asyncio.ensure_future(client.call_async(b"x"))
            await asyncio.sleep(0.02)
            client.close()
            with self.assertRaises(samepage.Closed):
                await asking

        self.run_async(close())
