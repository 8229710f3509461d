package samepage;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A received message. It is the subscriber's, which has one and uses it again: what it says holds
 * until the subscriber receives the next one, or is closed.
 */
public final class Message {
    private ByteBuffer source;
    private int at;
    private int size;
    private long sequence;
    private long publisher;
    private long time;
    private long lost;

    Message() {
    }

    void lies(ByteBuffer source, int at, int size) {
        this.source = source;
        this.at = at;
        this.size = size;
    }

    void tells(long sequence, long publisher, long time, long lost) {
        this.sequence = sequence;
        this.publisher = publisher;
        this.time = time;
        this.lost = lost;
    }

    /** The bytes, read-only, in the machine's byte order; in place unless only reading. */
    public ByteBuffer data() {
        return source.slice(at, size).order(ByteOrder.nativeOrder());
    }

    /** Copies all bytes to {@code target}, from {@code offset} on, without any new object. */
    public void copyTo(byte[] target, int offset) {
        source.get(at, target, offset, size);
    }

    /** The bytes, copied. */
    public byte[] toByteArray() {
        byte[] bytes = new byte[size];
        copyTo(bytes, 0);
        return bytes;
    }

    /** How many bytes it has. */
    public int size() {
        return size;
    }

    /**
     * Its number in the topic's order. It grows, and the first is 1; that of a publisher which died
     * in the middle stays unused.
     */
    public long sequence() {
        return sequence;
    }

    /** Node number (its low 48 bits) of who published it. */
    public long publisher() {
        return publisher;
    }

    /** Nanoseconds of the monotonic clock; 0 where the topic is not timed. */
    public long time() {
        return time;
    }

    /** Messages that this subscriber missed since the last one it received. */
    public long lost() {
        return lost;
    }
}
