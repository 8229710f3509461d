package samepage;

import java.nio.ByteBuffer;

/**
 * The slots of a topic, for who goes through them one after the other: in windows of at most a GiB,
 * so one as a rule.
 */
final class Ring {
    private static final int WINDOW_SHIFT = 30;

    private final ByteBuffer[] windows;
    private final ByteBuffer[] readers;
    private final int slots;
    private final int slotShift;

    Ring(Memory memory, TopicLayout layout) {
        slots = layout.slots;
        slotShift = Integer.numberOfTrailingZeros(layout.slotBytes);
        long bytes = (long) slots << slotShift;
        int window = (int) Math.min(bytes, 1L << WINDOW_SHIFT);
        windows = new ByteBuffer[(int) (bytes / window)];
        readers = new ByteBuffer[windows.length];
        for (int i = 0; i < windows.length; i++) {
            windows[i] = memory.slice(layout.slotsAt + (long) i * window, window);
            readers[i] = windows[i].asReadOnlyBuffer();
        }
    }

    private int slot(long sequence) {
        return (int) sequence & slots - 1;
    }

    ByteBuffer window(long sequence) {
        return windows[slot(sequence) >>> WINDOW_SHIFT - slotShift];
    }

    ByteBuffer reader(long sequence) {
        return readers[slot(sequence) >>> WINDOW_SHIFT - slotShift];
    }

    /** Where its slot begins in its window. */
    int at(long sequence) {
        return slot(sequence) << slotShift & (1 << WINDOW_SHIFT) - 1;
    }
}
