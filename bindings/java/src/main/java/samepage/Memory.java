package samepage;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/**
 * A mapped file, by 64-bit offsets.
 *
 * A buffer of Java's ends at 2 GiB. So the file is mapped in windows, one from each GiB on, which
 * overlap: whatever has at most a GiB lies in one window as a whole, wherever it begins. Words lie
 * at multiples of their width; a ByteBuffer's VarHandle refuses others.
 */
final class Memory {
    static final long LARGEST = 1L << 30;

    private static final int SHIFT = 30;
    private static final int MASK = (1 << SHIFT) - 1;
    private static final long WINDOW = Integer.MAX_VALUE;
    static final VarHandle LONG =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

    private final ByteBuffer[] windows;
    private final ByteBuffer[] readers;
    private final ByteBuffer first;
    private final ByteBuffer firstReader;

    Memory(FileChannel file, FileChannel.MapMode mode, long size) throws IOException {
        int count = (int) ((size - 1 >>> SHIFT) + 1);
        windows = new ByteBuffer[count];
        readers = new ByteBuffer[count];
        for (int i = 0; i < count; i++) {
            long from = (long) i << SHIFT;
            windows[i] = file.map(mode, from, Math.min(WINDOW, size - from));
            windows[i].order(ByteOrder.nativeOrder());
            readers[i] = windows[i].asReadOnlyBuffer().order(ByteOrder.nativeOrder());
        }
        first = windows[0];
        firstReader = readers[0];
    }

    private ByteBuffer window(long at) {
        return at < LARGEST ? first : windows[(int) (at >>> SHIFT)];
    }

    /** Bytes to read from; what lies at {@code at} lies at {@link #index} in it. */
    ByteBuffer reader(long at) {
        return at < LARGEST ? firstReader : readers[(int) (at >>> SHIFT)];
    }

    static int index(long at) {
        return (int) at & MASK;
    }

    /** A run of bytes to write in. */
    ByteBuffer slice(long at, int length) {
        return window(at).slice(index(at), length).order(ByteOrder.nativeOrder());
    }

    void putInt(long at, int value) {
        window(at).putInt(index(at), value);
    }

    void putPlain(long at, long value) {
        window(at).putLong(index(at), value);
    }

    void get(long at, byte[] target, int offset, int length) {
        window(at).get(index(at), target, offset, length);
    }

    void put(long at, byte[] source, int offset, int length) {
        window(at).put(index(at), source, offset, length);
    }

    void put(long at, ByteBuffer source) {
        window(at).put(index(at), source, source.position(), source.remaining());
    }

    long getOpaque(long at) {
        return (long) LONG.getOpaque(window(at), index(at));
    }

    long getAcquire(long at) {
        return (long) LONG.getAcquire(window(at), index(at));
    }

    long getVolatile(long at) {
        return (long) LONG.getVolatile(window(at), index(at));
    }

    void setOpaque(long at, long value) {
        LONG.setOpaque(window(at), index(at), value);
    }

    void setRelease(long at, long value) {
        LONG.setRelease(window(at), index(at), value);
    }

    void setVolatile(long at, long value) {
        LONG.setVolatile(window(at), index(at), value);
    }

    long swap(long at, long value) {
        return (long) LONG.getAndSet(window(at), index(at), value);
    }

    boolean compareAndSet(long at, long expected, long value) {
        return LONG.compareAndSet(window(at), index(at), expected, value);
    }

    void setBits(long at, long bits) {
        LONG.getAndBitwiseOr(window(at), index(at), bits);
    }

    void clearBits(long at, long bits) {
        LONG.getAndBitwiseAnd(window(at), index(at), ~bits);
    }

    /** The text that lies there, up to its first zero. */
    String text(long at, int room) {
        byte[] bytes = new byte[room];
        get(at, bytes, 0, room);
        int length = 0;
        while (length < room && bytes[length] != 0) length++;
        return new String(bytes, 0, length, java.nio.charset.StandardCharsets.UTF_8);
    }
}
