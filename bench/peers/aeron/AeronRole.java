import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.FragmentAssembler;
import io.aeron.Image;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.agrona.BitUtil;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.AgentInvoker;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * A role of the contests of Aeron IPC; ../aeron.c starts it in its process and calls {@link #run}.
 *
 * <p>The driver is embedded in role 0 and has no threads: the role works it as its sends require,
 * since a driver with threads of its own would need a third processor. What Aeron writes in place
 * is claimed; a message longer than a fragment is offered, and put together by its receiver.
 */
final class AeronRole implements FragmentHandler {
    private static final int FRAGMENTS = 64;
    private static final int SMALL = 1024;
    private static final int SMALL_MTU = 1408;
    private static final int LARGE_MTU = 65504;
    private static final int TERM_MIN = 64 << 10;
    private static final int TERM_MAX = 64 << 20;
    private static final int SENDS_MAX = 256; // from one work of the driver to the next
    private static final int LOOKS_MAX = 1024;
    private static final int STAMPED = 4; // one round trip of so many, since a stamp is slow
    private static final long HOURS = TimeUnit.HOURS.toNanos(1); // a role sleeps in other's turns

    private static final int SUB_BITS = 7; // as in ../../histogram.h
    private static final int SUB = 1 << SUB_BITS;
    private static final int CELLS = 36 * SUB;
    private static final int COUNT_OFFSET = 0;
    private static final int LARGEST_OFFSET = 8;
    private static final int CELLS_OFFSET = 16;

    private final boolean first;
    private final int size;
    private final UnsafeBuffer source;
    private final UnsafeBuffer histogram;
    private final double ticksPerNanosecond;
    private final AgentInvoker driver; // of role 0 alone
    private final AgentInvoker client;
    private final ExclusivePublication out;
    private final Image in;
    private final FragmentHandler handler;
    private final boolean claims;
    private final int sendsMax;
    private final BufferClaim claim = new BufferClaim();

    private int sends;
    private long received; // the number of the last message
    private int rejected;
    private long total; // of all words read

    AeronRole(
            String directory,
            int role,
            int size,
            ByteBuffer source,
            ByteBuffer histogram,
            double ticksPerNanosecond) {
        this.first = role == 0;
        this.size = size;
        this.source = new UnsafeBuffer(source);
        this.histogram = new UnsafeBuffer(histogram);
        this.ticksPerNanosecond = ticksPerNanosecond;
        int term = termFor(size);
        driver = first ? startDriver(directory, size, term) : null;
        Aeron aeron = connect(directory);
        client = aeron.conductorAgentInvoker();
        Subscription subscription = aeron.addSubscription("aeron:ipc", first ? 2 : 1);
        out = aeron.addExclusivePublication("aeron:ipc", first ? 1 : 2);
        while (!out.isConnected() || subscription.imageCount() == 0) work();
        in = subscription.imageAtIndex(0);
        claims = size <= out.maxPayloadLength();
        handler = claims ? this : new FragmentAssembler(this, size);
        sendsMax = Math.max(1, Math.min(SENDS_MAX, term / 8 / size));
    }

    /** As small as it may be, so that it stays in the cache: 1024 messages, or 64 large ones. */
    private static int termFor(int size) {
        long bytes = size <= SMALL ? 1024L * size : 64L * size;
        int bounded = (int) Math.max(TERM_MIN, Math.min(TERM_MAX, bytes));
        return BitUtil.findNextPositivePowerOfTwo(bounded);
    }

    private static AgentInvoker startDriver(String directory, int size, int term) {
        MediaDriver.Context context =
                new MediaDriver.Context()
                        .aeronDirectoryName(directory)
                        .dirDeleteOnStart(true)
                        .threadingMode(ThreadingMode.INVOKER)
                        .ipcTermBufferLength(term)
                        .ipcMtuLength(size <= SMALL ? SMALL_MTU : LARGE_MTU)
                        .termBufferSparseFile(false)
                        .clientLivenessTimeoutNs(HOURS)
                        .publicationUnblockTimeoutNs(2 * HOURS)
                        .driverTimeoutMs(TimeUnit.NANOSECONDS.toMillis(HOURS));
        return MediaDriver.launch(context).sharedAgentInvoker();
    }

    private Aeron connect(String directory) {
        Aeron.Context context =
                new Aeron.Context()
                        .aeronDirectoryName(directory)
                        .useConductorAgentInvoker(true)
                        .preTouchMappedMemory(true)
                        .driverTimeoutMs(TimeUnit.NANOSECONDS.toMillis(HOURS));
        if (driver != null) context.driverAgentInvoker(driver);
        return Aeron.connect(context);
    }

    private void work() {
        workDriver();
        client.invoke();
        Thread.onSpinWait();
    }

    private void workDriver() {
        sends = 0;
        if (driver != null) driver.invoke();
    }

    /** One repetition, there and back or one way. Returns how many payloads were not as sent. */
    int run(boolean back, long number, long count) {
        rejected = 0;
        if (!back) way(number, count);
        else if (first) ping(number, count);
        else pong(number, count);
        return rejected;
    }

    /** So many messages before number 1, in parts, until the loops have been compiled. */
    void warmUp(boolean back, int parts, long count) {
        received = -parts * count;
        for (int i = parts; i > 0; i--) run(back, -i * count, count);
    }

    private void ping(long number, long count) {
        for (long i = 1; i <= count; i++) {
            boolean stamped = i % STAMPED == 0;
            long begin = stamped ? System.nanoTime() : 0;
            put(number + i);
            get(number + i);
            if (stamped) note((long) ((System.nanoTime() - begin) * ticksPerNanosecond));
        }
    }

    private void pong(long number, long count) {
        for (long i = 1; i <= count; i++) {
            get(number + i);
            put(number + i);
        }
    }

    private void way(long number, long count) {
        if (first) {
            for (long i = 1; i <= count; i++) put(number + i);
        } else {
            get(number + count);
        }
    }

    private void put(long number) {
        if (claims) putInPlace(number);
        else putCopied(number);
        if (++sends >= sendsMax) workDriver();
    }

    private void putInPlace(long number) {
        while (out.tryClaim(size, claim) < 0) backPressured();
        MutableDirectBuffer to = claim.buffer();
        int offset = claim.offset();
        if (size <= 64) {
            for (int i = 8; i < size; i += 8) to.putLong(offset + i, source.getLong(i));
        } else {
            to.putBytes(offset, source, 0, size);
        }
        to.putLong(offset, number);
        to.putLong(offset + size - 8, number);
        claim.commit();
    }

    private void putCopied(long number) {
        source.putLong(0, number);
        source.putLong(size - 8, number);
        while (out.offer(source, 0, size) < 0) backPressured();
    }

    private void backPressured() {
        workDriver();
        Thread.onSpinWait();
    }

    private void get(long number) {
        for (int looks = 1; received < number; looks++) {
            if (in.poll(handler, FRAGMENTS) > 0) continue;
            if (looks % LOOKS_MAX == 0) workDriver();
            Thread.onSpinWait();
        }
    }

    @Override
    public void onFragment(DirectBuffer from, int offset, int length, Header header) {
        long number = ++received;
        if (length != size
                || from.getLong(offset) != number
                || from.getLong(offset + length - 8) != number) rejected++;
        total += sum(from, offset, length);
    }

    /** Of all words, four at a time. */
    private static long sum(DirectBuffer from, int offset, int length) {
        long a = 0, b = 0, c = 0, d = 0;
        int i = 0;
        for (; i + 32 <= length; i += 32) {
            a += from.getLong(offset + i);
            b += from.getLong(offset + i + 8);
            c += from.getLong(offset + i + 16);
            d += from.getLong(offset + i + 24);
        }
        for (; i + 8 <= length; i += 8) a += from.getLong(offset + i);
        return a + b + c + d;
    }

    private static int cellOf(long ticks) {
        if (ticks < SUB) return (int) ticks;
        int doubling = 63 - Long.numberOfLeadingZeros(ticks) - SUB_BITS;
        int cell = (doubling + 1) * SUB + (int) (ticks >>> doubling & SUB - 1);
        return Math.min(cell, CELLS - 1);
    }

    private void note(long ticks) {
        int at = CELLS_OFFSET + 4 * cellOf(ticks);
        histogram.putLong(COUNT_OFFSET, histogram.getLong(COUNT_OFFSET) + 1);
        histogram.putInt(at, histogram.getInt(at) + 1);
        if (ticks > histogram.getLong(LARGEST_OFFSET)) histogram.putLong(LARGEST_OFFSET, ticks);
    }
}
