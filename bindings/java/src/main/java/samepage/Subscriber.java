package samepage;

import java.io.IOException;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import samepage.SamepageException.Reason;

/**
 * Receives what is published on a topic: every message, in the one order that all see.
 *
 * <p>A subscriber loses nothing: publishers wait for it, and it reads in place. One that is opened
 * {@link SubscriberOptions#readOnly} needs the right to read only, holds up nobody, reads copies,
 * and is told how many messages it missed.
 *
 * <p>A handle is used by one thread at a time; a process may open as many as it likes. Waiting is
 * looking again and again, at last once a millisecond.
 */
public final class Subscriber implements AutoCloseable {
    private static final int META = (int) TopicLayout.META;
    private static final int BODY = (int) TopicLayout.BODY;
    private static final long CLAIM_LOOK = 2_000_000;

    private final Topic topic;
    private final TopicLayout layout;
    private final Memory memory;
    private final Ring ring;
    private final int inlineMax;
    private final long rowAt;
    private final ByteBuffer row;
    private final Message message = new Message();
    private long position;
    private long cursor;
    private long received;
    private long lost;
    private long claimSeen;
    private long claimLooked;
    private byte[] copy;
    private ByteBuffer copyReader;
    private boolean closed;

    /** With a row, at {@code rowAt}, that protects all from {@code position} on; or without, 0. */
    Subscriber(Topic topic, long rowAt, long position) {
        this.topic = topic;
        this.rowAt = rowAt;
        this.position = position;
        cursor = position;
        layout = topic.layout;
        memory = topic.memory;
        ring = new Ring(memory, layout);
        inlineMax = layout.inlineMax();
        row = rowAt == 0 ? null : memory.slice(rowAt, layout.subscriberBytes);
        if (row == null) growCopy(layout.slotBytes);
    }

    /** Subscribes to a topic that is there, in the default domain, to what comes from now on. */
    public static Subscriber open(String name) throws IOException, InterruptedException {
        return options().open(name);
    }

    /** Everything that can be said when subscribing. */
    public static SubscriberOptions options() {
        return new SubscriberOptions();
    }

    // ---- receiving -----------------------------------------------------------------------------

    /**
     * The next message. Gives the one before it back. There is no end: while nobody publishes, it
     * waits.
     *
     * @throws TimeoutException if there is none in time
     * @throws SamepageException CORRUPT
     */
    public Message receive(Duration timeout)
            throws IOException, TimeoutException, InterruptedException {
        Message next = poll();
        if (next != null) return next;
        Waiting waiting = new Waiting(timeout);
        while (waiting.pause()) {
            next = poll();
            if (next != null) return next;
        }
        throw new TimeoutException("no message in " + timeout);
    }

    /** The next message, or null if there is none now. Gives the one before it back. */
    public Message poll() throws IOException {
        release();
        while (true) {
            ByteBuffer window = ring.window(position);
            int at = ring.at(position);
            long state = (long) Memory.LONG.getAcquire(window, at);
            boolean isMessage = state >>> 8 == (position << 2 | TopicLayout.COMMITTED);
            if (isMessage && take(window, at, state)) return message;
            if (!isMessage && !pass(state)) return null;
        }
    }

    /** Gives the last message back, before the next is received: publishers may need its room. */
    public void release() {
        if (closed) throw new IllegalStateException("the subscriber is closed");
        if (cursor == position) return;
        cursor = position;
        if (row == null) return;
        row.putLong((int) TopicLayout.RECEIVED, received);
        Memory.LONG.setRelease(row, (int) TopicLayout.CURSOR, cursor);
    }

    /** False if it was overwritten while we read. */
    private boolean take(ByteBuffer window, int at, long state) throws IOException {
        long meta = window.getLong(at + META);
        long time = (meta & TopicLayout.META_TIMED) == 0 ? 0
                : window.getLong(at + layout.slotBytes - 8);
        boolean isRead = (meta & TopicLayout.META_CHUNK) == 0 ? readSmall(window, at, state, meta)
                : readChunk(window, at, state);
        if (!isRead || row == null && !isStill(window, at, state)) return false;
        message.tells(position - layout.first + 1, meta >>> 16, time, lost);
        lost = 0;
        position++;
        received++;
        return true;
    }

    private static boolean isStill(ByteBuffer window, int at, long state) {
        VarHandle.loadLoadFence();
        return (long) Memory.LONG.getOpaque(window, at) == state;
    }

    private boolean readSmall(ByteBuffer window, int at, long state, long meta)
            throws IOException {
        int size = (int) (meta >>> 2) & 0x3fff;
        if (size > inlineMax) return refuse(window, at, state, size);
        if (row != null) message.lies(ring.reader(position), at + BODY, size);
        else copy(window, at + BODY, size);
        return true;
    }

    private boolean readChunk(ByteBuffer window, int at, long state) throws IOException {
        long size = window.getLong(at + BODY);
        long chunk = window.getLong(at + BODY + 8);
        boolean isInside = chunk >= 0 && chunk < layout.units && size >= 0
                && size <= layout.units - chunk << layout.unitShift;
        if (!isInside) return refuse(window, at, state, size);
        if (size > Memory.LARGEST) {
            if (row == null && !isStill(window, at, state)) return false;
            throw new SamepageException(Reason.TOO_BIG, "a message of " + size + " bytes");
        }
        long bytes = layout.chunkBytes((int) chunk);
        if (row != null) message.lies(memory.reader(bytes), Memory.index(bytes), (int) size);
        else copy(memory.reader(bytes), Memory.index(bytes), (int) size);
        return true;
    }

    /** Damage, unless it was overwritten while we read. */
    private boolean refuse(ByteBuffer window, int at, long state, long size) throws IOException {
        if (!isStill(window, at, state)) return false;
        throw SamepageException.corrupt("message " + position + " has " + size + " bytes");
    }

    /** Nothing protects it: to be believed if the slot is still the same after it. */
    private void copy(ByteBuffer from, int at, int size) {
        if (size > copy.length) growCopy(size);
        from.get(at, copy, 0, size);
        message.lies(copyReader, 0, size);
    }

    private void growCopy(int size) {
        copy = new byte[size];
        copyReader = ByteBuffer.wrap(copy).asReadOnlyBuffer().order(ByteOrder.nativeOrder());
    }

    // ---- what is no message --------------------------------------------------------------------

    /** No message of our sequence (yet). False: there is nothing to do but wait. */
    private boolean pass(long state) throws IOException {
        long sequence = TopicLayout.sequence(state);
        if (sequence < position) return false;
        if (sequence > position) return skip(sequence);
        if (TopicLayout.phase(state) == TopicLayout.CLAIMED) return passClaim(state);
        if (TopicLayout.phase(state) == TopicLayout.DROPPED) lost++;
        position++;
        return true;
    }

    /** A claim that stays may be a dead publisher's: then nothing but void can become of it. */
    private boolean passClaim(long state) throws IOException {
        long now = System.nanoTime();
        if (claimSeen != position) {
            claimSeen = position;
            claimLooked = now;
        }
        if (now - claimLooked < CLAIM_LOOK) return false;
        claimLooked = now;
        int publisher = TopicLayout.row(state);
        if (publisher >= layout.publishers) throw SamepageException.corrupt("a claim of nobody's");
        if (!topic.isGone(memory.getAcquire(layout.publisher(publisher)))) return false;
        if (row != null) {
            topic.recover();
        } else if (topic.slotState(position) == state) {
            position++;
            return true;
        }
        return topic.slotState(position) != state;
    }

    /**
     * Overrun: {@code found} lies in our slot. Goes on half a ring behind, but not past a claim,
     * of which nobody knows what becomes.
     */
    private boolean skip(long found) throws IOException {
        if (row != null || found - position < layout.slots)
            throw SamepageException.corrupt("message " + found + " is in the slot of " + position);
        long target = found - layout.slots + 1;
        long end = Math.min(topic.head() - layout.slots / 2, target + 2L * layout.slots);
        while (target < end && !isClaimed(target)) target++;
        lost += target - position - voidsBetween(position, target);
        position = target;
        return true;
    }

    private boolean isClaimed(long sequence) {
        long state = topic.slotState(sequence);
        return TopicLayout.sequence(state) == sequence
                && TopicLayout.phase(state) == TopicLayout.CLAIMED;
    }

    private long voidsBetween(long from, long to) {
        long count = memory.getAcquire(TopicLayout.VOIDS);
        long voids = 0;
        for (long n = Math.max(0, count - TopicLayout.VOIDS_KEPT); n < count; n++) {
            long sequence = memory.getAcquire(TopicRecovery.voidEntry(n));
            if (sequence >= from && sequence < to) voids++;
        }
        return voids;
    }

    // ---- what it is ----------------------------------------------------------------------------

    /** What was said of the type when the topic was made; empty if nothing. */
    public String type() {
        return topic.type();
    }

    /** The text that describes what is published; empty if there is none. */
    public String schema() {
        return topic.schema();
    }

    /** Leaves the topic. The last member of a topic removes it, unless it is to be kept. */
    @Override
    public void close() throws IOException {
        if (closed) return;
        closed = true;
        try {
            if (row != null) topic.leave(rowAt);
        } finally {
            topic.domain.leave();
        }
    }
}
