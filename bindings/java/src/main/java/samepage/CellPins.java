package samepage;

import java.io.IOException;

/**
 * Holding one value while it is copied, so that no writer overtakes the copy: docs/layout/cell.md,
 * "Pins". Everything here is sequentially consistent.
 */
final class CellPins {
    private static final long WANTS_LATEST = 255;

    private final Domain domain;
    private final CellLayout layout;
    private final Memory memory;
    private long pin;
    private int buffer;

    CellPins(Domain domain, CellLayout layout, Memory memory) {
        this.domain = domain;
        this.layout = layout;
        this.memory = memory;
    }

    /** Takes a pin and makes it hold the latest value; false if the living have all pins. */
    boolean take() throws IOException {
        long wish = domain.node() << 8 | WANTS_LATEST;
        if (!takeFree(wish) && !takeFromDead(wish)) return false;
        long latest = memory.getVolatile(CellLayout.LATEST);
        long held = (latest & 0xff) + 1;
        if (!memory.compareAndSet(pin, wish, domain.node() << 8 | held))
            held = memory.getVolatile(pin) & 0xff; // a writer has granted the wish
        if (latest == 0 || held < 1 || held > layout.buffers) {
            give();
            throw SamepageException.corrupt("a pin of the cell holds buffer " + (held - 1));
        }
        buffer = (int) held - 1;
        return true;
    }

    int buffer() {
        return buffer;
    }

    void give() {
        memory.setRelease(pin, 0);
    }

    private boolean takeFree(long wish) {
        for (int i = 0; i < layout.pins(); i++) {
            pin = CellLayout.pin(i);
            if (memory.getVolatile(pin) == 0 && memory.compareAndSet(pin, 0, wish)) return true;
        }
        return false;
    }

    private boolean takeFromDead(long wish) {
        for (int i = 0; i < layout.pins(); i++) {
            pin = CellLayout.pin(i);
            long word = memory.getVolatile(pin);
            if (word == 0 || domain.isAlive(word >>> 8)) continue;
            if (memory.compareAndSet(pin, word, wish)) return true;
        }
        return false;
    }
}
