package samepage;

import java.io.IOException;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import samepage.SamepageException.Reason;

/**
 * Writing a cell: docs/layout/cell.md, "The value" and "Writers". One writes at a time, who has the
 * guard; the store of `latest` is the commit. Who sleeps in C is woken by nobody here, and looks
 * after its 20 milliseconds; so the bits that say that somebody sleeps are left as they are.
 */
final class CellWriter {
    private static final long LAST_VERSION = (1L << 56) - 1;
    private static final long WANTS_LATEST = 255;

    private final Domain domain;
    private final CellLayout layout;
    private final Memory memory;
    private final long ours;
    private int buffer = -1;

    CellWriter(Domain domain, CellLayout layout, Memory memory) {
        this.domain = domain;
        this.layout = layout;
        this.memory = memory;
        ours = domain.node() << 4;
    }

    boolean isWriting() {
        return buffer >= 0;
    }

    /** Takes the guard and a buffer. */
    void begin(Duration timeout) throws IOException, TimeoutException, InterruptedException {
        if (isWriting()) return;
        takeGuard(timeout);
        try {
            long latest = memory.getAcquire(CellLayout.LATEST);
            if (latest >>> 8 >= LAST_VERSION)
                throw new SamepageException(Reason.FULL, "the cell's versions are used up");
            grantPins(latest);
            int chosen = choose(latest);
            memory.swap(layout.buffer(chosen), 0);
            VarHandle.fullFence();
            buffer = chosen;
        } finally {
            if (!isWriting()) giveGuard();
        }
    }

    /** Where the value is to be written. */
    long value() {
        return layout.buffer(buffer) + layout.value;
    }

    void publish(int size) {
        long version = (memory.getAcquire(CellLayout.LATEST) >>> 8) + 1;
        long at = layout.buffer(buffer);
        memory.putPlain(at + CellLayout.SIZE, size);
        memory.setOpaque(CellLayout.AUTHORS + 8L * buffer, domain.node());
        memory.setRelease(at, version);
        memory.setVolatile(CellLayout.LATEST, version << 8 | buffer);
        discard();
    }

    void discard() {
        buffer = -1;
        giveGuard();
    }

    // ---- the guard -----------------------------------------------------------------------------

    private void takeGuard(Duration timeout)
            throws TimeoutException, InterruptedException {
        if (memory.compareAndSet(CellLayout.WRITERS, 0, ours)) return;
        Waiting waiting = new Waiting(timeout);
        while (!tryGuard(waiting.isTimeToAsk())) {
            if (waiting.pause()) continue;
            if (tryGuard(true)) return;
            throw new TimeoutException("another writes the cell all the time");
        }
    }

    private boolean tryGuard(boolean askWhetherDead) {
        long word = memory.getVolatile(CellLayout.WRITERS);
        boolean free = word >>> 4 == 0 || askWhetherDead && !domain.isAlive(word >>> 4);
        return free && memory.compareAndSet(CellLayout.WRITERS, word, ours);
    }

    private void giveGuard() {
        memory.swap(CellLayout.WRITERS, 0);
    }

    // ---- choosing a buffer ---------------------------------------------------------------------

    private void grantPins(long latest) {
        if (latest == 0) return;
        for (int i = 0; i < layout.pins(); i++) {
            long pin = CellLayout.pin(i);
            long word = memory.getVolatile(pin);
            if ((word & 0xff) != WANTS_LATEST) continue;
            memory.compareAndSet(pin, word, word & -256 | (latest & 0xff) + 1);
        }
    }

    /** The buffer with the oldest value that is neither the latest nor pinned. */
    private int choose(long latest) throws IOException {
        int chosen = -1;
        long lowest = Long.MAX_VALUE;
        for (int i = 0; i < layout.buffers; i++) {
            if (latest != 0 && i == (latest & 0xff) || isPinned(i)) continue;
            long stamp = memory.getAcquire(layout.buffer(i));
            if (stamp < 0 || stamp > latest >>> 8) stamp = 0;
            if (stamp >= lowest) continue;
            lowest = stamp;
            chosen = i;
        }
        if (chosen >= 0) return chosen;
        throw SamepageException.corrupt("all buffers of the cell are pinned");
    }

    private boolean isPinned(int index) {
        for (int i = 0; i < layout.pins(); i++)
            if ((memory.getVolatile(CellLayout.pin(i)) & 0xff) == index + 1) return true;
        return false;
    }
}
