package samepage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Topics of 64 slots, made and published by C; one who holds a loan keeps each in being. */
class SubscriberTest extends Scratch {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final int SLOTS = 64;
    private Other keeper;

    @BeforeEach
    void makeTopic() throws Exception {
        keeper = Other.peer(domain, "loan", "t", 0, 0).expect("ready");
    }

    @AfterEach
    void endTopic() throws Exception {
        keeper.kill();
    }

    private SubscriberOptions options() {
        return Subscriber.options().domain(domain).type("numbers", 0);
    }

    private Other publish(int from, int count, int size, int readers) throws IOException {
        return Other.peer(domain, "publish", "t", from, count, size, readers);
    }

    private void publishAll(int from, int count, int size) throws Exception {
        try (Other peer = publish(from, count, size, 0)) {
            peer.end();
        }
    }

    private static byte[] number(int number, int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++)
            bytes[i] = i % 8 < 4 ? (byte) (number >> 8 * (i % 8)) : 0;
        return bytes;
    }

    private static void assertNext(Subscriber subscriber, int number, int size) throws Exception {
        Message message = subscriber.receive(PATIENCE);
        assertArrayEquals(number(number, size), message.toByteArray(), "message " + number);
        assertEquals(0, message.lost());
    }

    private static void assertReason(SamepageException.Reason reason,
            org.junit.jupiter.api.function.Executable action) {
        assertEquals(reason, assertThrows(SamepageException.class, action).reason());
    }

    @Test
    void everyMessageComesInOrderAlsoThroughAFullRing() throws Exception {
        for (int size : new int[] {0, 1, 40, 41, 5000}) {
            try (Subscriber subscriber = options().open("t");
                    Other peer = publish(0, 10 * SLOTS, size, 1)) {
                for (int i = 0; i < 10 * SLOTS; i++) assertNext(subscriber, i, size);
                peer.end();
                assertNull(subscriber.poll());
                assertSound();
            }
        }
    }

    @Test
    void twoSubscribersAndOneOfCSeeTheSame() throws Exception {
        try (Subscriber one = options().open("t"); Subscriber two = options().open("t");
                Other receiver = Other.peer(domain, "receive", "t", 500).expect("ready");
                Other peer = publish(0, 500, 100, 3)) {
            for (int i = 0; i < 500; i++) {
                assertNext(one, i, 100);
                assertNext(two, i, 100);
            }
            receiver.expect("received").end();
            peer.end();
        }
    }

    @Test
    void publishersWaitForUs() throws Exception {
        try (Subscriber subscriber = options().open("t");
                Other peer = publish(0, 2 * SLOTS, 8, 1)) {
            assertFalse(peer.endsWithin(300), "it published more than there is room for");
            for (int i = 0; i < 2 * SLOTS; i++) assertNext(subscriber, i, 8);
            peer.end();
        }
    }

    @Test
    void publishersDoNotWaitForOneWhoOnlyReadsAndItIsToldWhatItLost() throws Exception {
        try (Subscriber subscriber = options().readOnly().open("t")) {
            publishAll(0, 5 * SLOTS, 8);
            int received = 0;
            long lost = 0;
            Message message = subscriber.poll();
            for (; message != null; message = subscriber.poll()) {
                lost += message.lost();
                received++;
                assertArrayEquals(number((int) message.sequence() - 1, 8), message.toByteArray());
            }
            assertEquals(5 * SLOTS, received + lost);
            assertTrue(received >= SLOTS / 2, received + " received");
        }
    }

    @Test
    void whoOnlyReadsSeesWholeMessagesWhileTheyAreOverwritten() throws Exception {
        try (Subscriber subscriber = options().readOnly().open("t");
                Other peer = publish(0, 50_000, 1000, 0)) {
            long sequence = 0;
            long lost = 0;
            int received = 0;
            while (sequence < 50_000) {
                Message message = subscriber.receive(PATIENCE);
                sequence = message.sequence();
                lost += message.lost();
                assertEquals(sequence, ++received + lost);
                assertArrayEquals(number((int) sequence - 1, 1000), message.toByteArray());
            }
            peer.end();
        }
    }

    @Test
    void historyBeginsWithTheLastMessages() throws Exception {
        publishAll(0, 10, 8);
        try (Subscriber subscriber = options().history(3).open("t");
                Subscriber looking = options().history(Integer.MAX_VALUE).readOnly().open("t")) {
            for (int i = 7; i < 10; i++) assertNext(subscriber, i, 8);
            for (int i = 0; i < 10; i++) assertNext(looking, i, 8);
        }
        try (Subscriber subscriber = options().open("t")) {
            assertNull(subscriber.poll());
        }
    }

    @Test
    void dataIsInPlaceAndReadOnlyAndTellsWhoAndWhen() throws Exception {
        try (Subscriber subscriber = options().open("t")) {
            publishAll(0, 1, 5000);
            long before = System.nanoTime() - 60_000_000_000L;
            Message message = subscriber.receive(PATIENCE);
            ByteBuffer data = message.data();
            assertTrue(data.isDirect() && data.isReadOnly());
            assertEquals(5000, data.remaining());
            assertEquals(1, message.sequence());
            assertTrue(message.publisher() >= 4096);
            assertTrue(message.time() > before && message.time() <= System.nanoTime());
            assertEquals("numbers", subscriber.type());
            assertEquals("one number, again and again", subscriber.schema());
        }
    }

    @Test
    void aKilledSubscriberOfJavaHoldsNobodyUp() throws Exception {
        try (Other child = Other.java(domain, "samepage.Child", "subscribe", "t", 0)) {
            child.expect("joined").expect("ready");
            try (Other peer = publish(0, 2 * SLOTS, 1000, 1)) {
                assertFalse(peer.endsWithin(300), "it does not wait for the living");
                child.kill();
                peer.end();
            }
        }
        assertSound();
    }

    @Test
    void aDeadPublishersClaimIsPassedAndVoided() throws Exception {
        try (Subscriber subscriber = options().open("t");
                Subscriber looking = options().readOnly().open("t")) {
            publishAll(0, 1, 8);
            try (Other child = Other.java(domain, "samepage.Child", "claim", "t")) {
                child.expect("ready");
                publishAll(1, 1, 8);
                assertNext(subscriber, 0, 8);
                assertNext(looking, 0, 8);
                assertThrows(TimeoutException.class,
                        () -> subscriber.receive(Duration.ofMillis(100)));
                assertThrows(TimeoutException.class,
                        () -> looking.receive(Duration.ofMillis(100)));
                child.kill();
            }
            assertNext(looking, 1, 8);
            assertNext(subscriber, 1, 8);
            String told = Other.samepage(domain, "stat", "topic:t");
            assertTrue(told.matches("(?s).*void[^\\n]*1.*"), told);
            assertSound();
        }
    }

    @Test
    void theVoidIsNotCountedAsLost() throws Exception {
        try (Subscriber looking = options().readOnly().open("t");
                Subscriber subscriber = options().open("t")) {
            try (Other child = Other.java(domain, "samepage.Child", "claim", "t")) {
                child.expect("ready").kill();
            }
            publishAll(0, 1, 8);
            assertNext(subscriber, 0, 8);
            subscriber.close();
            publishAll(1, 3 * SLOTS, 8);
            long seen = 0;
            for (Message m = looking.poll(); m != null; m = looking.poll()) seen += 1 + m.lost();
            assertEquals(1 + 3 * SLOTS, seen);
        }
    }

    @Test
    void theLoansOfAKilledPublisherComeBackWhenWeLeave() throws Exception {
        try (Other loaner = Other.peer(domain, "loan", "t", 5, 100_000).expect("ready")) {
            String before = Other.samepage(domain, "stat", "topic:t", "--json");
            loaner.kill();
            options().open("t").close();
            String after = Other.samepage(domain, "stat", "topic:t", "--json");
            assertTrue(number("used", before) >= 500_000, before);
            assertEquals(0, number("used", after), after);
        }
        assertSound();
    }

    private static long number(String name, String json) {
        java.util.regex.Matcher matcher =
                java.util.regex.Pattern.compile("\"" + name + "\": *(\\d+)").matcher(json);
        assertTrue(matcher.find(), json);
        return Long.parseLong(matcher.group(1));
    }

    @Test
    void theLastToLeaveRemovesTheTopic() throws Exception {
        Subscriber subscriber = options().open("t");
        keeper.kill();
        assertTrue(names().contains("t.topic"));
        subscriber.close();
        subscriber.close();
        assertFalse(names().contains("t.topic"));
        assertThrows(IllegalStateException.class, subscriber::poll);
    }

    @Test
    void aTopicThatComesLaterIsWaitedFor() throws Exception {
        assertThrows(NoSuchFileException.class, () -> options().open("later"));
        assertThrows(NoSuchFileException.class,
                () -> options().timeout(Duration.ofMillis(50)).open("later"));
        try (Other late = Other.peer(domain, "loan", "later", 0, 0);
                Subscriber subscriber = options().timeout(PATIENCE).open("later")) {
            late.expect("ready");
            assertNull(subscriber.poll());
        }
    }

    @Test
    void anotherTypeAndTooManyAreRefused() throws Exception {
        assertReason(SamepageException.Reason.TYPE,
                () -> Subscriber.options().domain(domain).type("words", 0).open("t"));
        Subscriber[] all = new Subscriber[64];
        for (int i = 0; i < all.length; i++) all[i] = options().open("t");
        assertReason(SamepageException.Reason.FULL, () -> options().open("t"));
        for (Subscriber subscriber : all) subscriber.close();
        options().open("t").close();
        assertSound();
    }
}
