package samepage;

import java.io.IOException;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import samepage.SamepageException.Reason;

/**
 * The latest value of something: a position, a state, a configuration. Any number of processes
 * write it, one at a time, and any number read it; a reader gets the last value, whole, and waits
 * for nobody. A cell stays, with its value, until it is unlinked.
 *
 * <p>Each value has a version: 1 for the first, one more for each that follows.
 *
 * <p>A handle is used by one thread at a time; a process may open as many as it likes. Its memory
 * is unmapped when the garbage collector finds it after {@link #close}.
 */
public final class Cell implements AutoCloseable {
    /** How many copies are tried before the value is held for ours. */
    private static final int FREE_COPIES = 4;
    private static final int COPIES = 1000;
    private static final int AGAIN = -2;
    private static final int NO_VALUE = -1;
    private static final int SIZE = (int) CellLayout.SIZE;

    private final Domain domain;
    private final CellLayout layout;
    private final Memory memory;
    private final ByteBuffer head;
    private ByteBuffer[] buffers;
    private final int capacity;
    private final int value;
    private final CellPins pins;
    private final CellWriter writer;
    private long version;
    private boolean closed;

    Cell(Domain domain, CellLayout layout, Memory memory, boolean readOnly) {
        this.domain = domain;
        this.layout = layout;
        this.memory = memory;
        capacity = (int) layout.capacity;
        value = (int) layout.value;
        head = memory.slice(0, (int) CellLayout.BUFFERS);
        buffers = new ByteBuffer[layout.buffers];
        for (int i = 0; i < buffers.length; i++)
            buffers[i] = memory.slice(layout.buffer(i), value + capacity);
        boolean mayPin = !readOnly && domain.node() >>> 56 == 0;
        pins = mayPin ? new CellPins(domain, layout, memory) : null;
        writer = readOnly ? null : new CellWriter(domain, layout, memory);
    }

    /** Opens a cell that is there, for reading and writing, in the default domain. */
    public static Cell open(String name) throws IOException {
        return options().open(name);
    }

    /** Everything that can be said when a cell is opened. */
    public static CellOptions options() {
        return new CellOptions();
    }

    /** Removes the cell; who has it open goes on with it. */
    public static void unlink(String name) throws IOException {
        unlink(null, name);
    }

    /** Removes the cell from the domain in {@code directory}. */
    public static void unlink(Path directory, String name) throws IOException {
        ChannelFile.unlink(directory, name, CellLayout.SUFFIX);
    }

    // ---- reading -------------------------------------------------------------------------------

    /**
     * Copies the latest value. Does not wait.
     *
     * @return the bytes of the value, or -1 if there is none yet
     * @throws SamepageException TOO_BIG: it does not fit; FULL: writers overtook a thousand copies,
     *         and no value could be held; CORRUPT
     */
    public int read(byte[] target) throws IOException {
        int size = copyLatest(target);
        return size == AGAIN ? readAgain(target) : size;
    }

    /** The latest value, copied; null if there is none yet. */
    public byte[] read() throws IOException {
        byte[] bytes = new byte[Math.min(capacity, 4096)];
        while (true) {
            try {
                int size = read(bytes);
                return size < 0 ? null : java.util.Arrays.copyOf(bytes, size);
            } catch (SamepageException failure) {
                if (failure.reason() != Reason.TOO_BIG) throw failure;
                bytes = new byte[capacity];
            }
        }
    }

    /** Version of the value that was last read or waited for here; 0 for none. */
    public long version() {
        return version;
    }

    /**
     * The stamp was right when `latest` was stored. A writer clears it before the first byte, and
     * it never comes back; so one look at it suffices, after the copy.
     */
    private int copyLatest(byte[] target) throws IOException {
        long latest = (long) Memory.LONG.getAcquire(head, (int) CellLayout.LATEST);
        if (latest == 0) return noValue();
        ByteBuffer buffer = buffers[index(latest)];
        long size = buffer.getLong(SIZE);
        boolean fits = size >= 0 && size <= Math.min(target.length, capacity);
        if (fits) buffer.get(value, target, 0, (int) size);
        VarHandle.loadLoadFence();
        if ((long) Memory.LONG.getOpaque(buffer, 0) != latest >>> 8) return overtaken(latest);
        return fits ? accept(latest, size) : refuse(size, target.length);
    }

    private int noValue() {
        check();
        return NO_VALUE;
    }

    /** A closed cell has no buffers, so that reading need not ask. */
    private int index(long latest) throws IOException {
        int index = (int) latest & 0xff;
        if (index < buffers.length) return index;
        check();
        throw SamepageException.corrupt("the cell names buffer " + index);
    }

    private int overtaken(long latest) throws IOException {
        if (memory.getAcquire(CellLayout.LATEST) != latest) return AGAIN;
        throw SamepageException.corrupt("the latest value of the cell has another stamp");
    }

    private int accept(long latest, long size) {
        version = latest >>> 8;
        return (int) size;
    }

    private int refuse(long size, int room) throws IOException {
        if (size < 0 || size > capacity)
            throw SamepageException.corrupt("the value of the cell has " + size + " bytes");
        throw new SamepageException(Reason.TOO_BIG,
                "the value has " + size + " bytes, there is room for " + room);
    }

    private int readAgain(byte[] target) throws IOException {
        for (int i = 1; i < COPIES; i++) {
            if (i >= FREE_COPIES && pins != null && pins.take()) return readPinned(target);
            int size = copyLatest(target);
            if (size != AGAIN) return size;
        }
        throw new SamepageException(Reason.FULL, "writers overtook a thousand copies");
    }

    private int readPinned(byte[] target) throws IOException {
        try {
            ByteBuffer buffer = buffers[pins.buffer()];
            long stamp = (long) Memory.LONG.getAcquire(buffer, 0);
            long size = buffer.getLong(SIZE);
            if (size < 0 || size > Math.min(target.length, capacity))
                return refuse(size, target.length);
            buffer.get(value, target, 0, (int) size);
            return accept(stamp << 8, size);
        } finally {
            pins.give();
        }
    }

    /**
     * Waits until there is a value with a version above {@code version}; 0 for any.
     *
     * @throws TimeoutException if there is none in time
     */
    public void await(long version, Duration timeout)
            throws IOException, TimeoutException, InterruptedException {
        check();
        Waiting waiting = null;
        while (memory.getAcquire(CellLayout.LATEST) >>> 8 <= version) {
            if (waiting == null) waiting = new Waiting(timeout);
            if (!waiting.pause())
                throw new TimeoutException("the cell has no version above " + version);
        }
        this.version = Math.max(this.version, version);
    }

    // ---- writing -------------------------------------------------------------------------------

    /** As {@link #write(ByteBuffer, Duration)}, of all the bytes. */
    public void write(byte[] value, Duration timeout)
            throws IOException, TimeoutException, InterruptedException {
        write(value, 0, value.length, timeout);
    }

    /** As {@link #write(ByteBuffer, Duration)}, of some of the bytes. */
    public void write(byte[] value, int offset, int length, Duration timeout)
            throws IOException, TimeoutException, InterruptedException {
        java.util.Objects.checkFromIndexSize(offset, length, value.length);
        prepare(length, timeout);
        memory.put(writer.value(), value, offset, length);
        writer.publish(length);
    }

    /**
     * Publishes what remains in {@code value} as the next value. Waits while another handle writes;
     * one that died is waited for 100 milliseconds at most. If we die inside, the value is
     * published whole or not at all.
     *
     * @throws TimeoutException if another writes all the time
     * @throws SamepageException TOO_BIG: more than the capacity; FULL: the versions have come to
     *         their end
     */
    public void write(ByteBuffer value, Duration timeout)
            throws IOException, TimeoutException, InterruptedException {
        int length = value.remaining();
        prepare(length, timeout);
        memory.put(writer.value(), value);
        value.position(value.limit());
        writer.publish(length);
    }

    private void prepare(long size, Duration timeout)
            throws IOException, TimeoutException, InterruptedException {
        checkWriter();
        if (size > capacity)
            throw new SamepageException(Reason.TOO_BIG,
                    size + " bytes are more than the cell's " + capacity);
        writer.begin(timeout);
    }

    /**
     * Room for the next value, to be written in place. No other handle writes until it is published
     * or discarded, and then it must not be touched any more. Waits as {@link #write}.
     */
    public ByteBuffer loan(Duration timeout)
            throws IOException, TimeoutException, InterruptedException {
        checkWriter();
        writer.begin(timeout);
        return memory.slice(writer.value(), capacity);
    }

    /** Publishes the first {@code size} bytes of the loan. */
    public void publish(int size) {
        checkWriter();
        if (!writer.isWriting()) throw new IllegalStateException("nothing is on loan");
        java.util.Objects.checkFromIndexSize(0, size, capacity);
        writer.publish(size);
    }

    /** Gives the loan back; the value stays as it was. */
    public void discard() {
        checkWriter();
        if (!writer.isWriting()) throw new IllegalStateException("nothing is on loan");
        writer.discard();
    }

    // ---- what it is ----------------------------------------------------------------------------

    /** Bytes of the largest value. */
    public int capacity() {
        return capacity;
    }

    /** What was said of the type when the cell was made; empty if nothing. */
    public String type() {
        return memory.text(CellLayout.TYPE, ChannelFile.TYPE_BYTES);
    }

    /** The text that describes what is in it; empty if there is none. */
    public String schema() {
        return memory.text(layout.schema, layout.schemaBytes);
    }

    private void check() {
        if (closed) throw new IllegalStateException("the cell is closed");
    }

    private void checkWriter() {
        check();
        if (writer == null) throw new IllegalStateException("the cell is open for reading only");
    }

    /** Gives the handle back, and its loan with it; the cell stays. */
    @Override
    public void close() throws IOException {
        if (closed) return;
        closed = true;
        buffers = new ByteBuffer[0];
        if (writer != null && writer.isWriting()) writer.discard();
        domain.leave();
    }
}
