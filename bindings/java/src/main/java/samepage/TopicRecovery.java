package samepage;

import static samepage.TopicLayout.CLAIM;
import static samepage.TopicLayout.CLAIMED;
import static samepage.TopicLayout.COMMITTED;

/**
 * Clearing the rows of those who left a topic or died in it: docs/layout/topic.md, "Recovery".
 * Under the domain's lock. It may be broken off anywhere and done again.
 */
final class TopicRecovery {
    private final Topic topic;
    private final TopicLayout layout;
    private final Memory memory;

    TopicRecovery(Topic topic) {
        this.topic = topic;
        layout = topic.layout;
        memory = topic.memory;
    }

    void recoverAll() {
        for (int row = 0; row < layout.publishers; row++) {
            long owner = memory.getAcquire(layout.publisher(row));
            if (owner != 0 && topic.isGone(owner)) recoverPublisher(row);
        }
        for (int row = 0; row < layout.subscribers; row++) {
            long owner = memory.getAcquire(layout.subscriber(row));
            if (owner != 0 && topic.isGone(owner)) recoverSubscriber(row);
        }
    }

    // ---- publishers ----------------------------------------------------------------------------

    private void recoverPublisher(int index) {
        long row = layout.publisher(index);
        long claim = memory.getAcquire(row + CLAIM);
        long claimed = TopicLayout.state(claim, CLAIMED, index);
        if (topic.slotState(claim) == claimed) {
            enterVoid(claim);
            memory.compareAndSet(layout.slot(claim), claimed,
                    TopicLayout.state(claim, TopicLayout.VOID, index));
        }
        for (int i = 0; i < TopicLayout.LOAN_COUNT; i++)
            takeLoan(index, claim, TopicLayout.loan(row, i));
        memory.setVolatile(row, 0);
    }

    /** The entry first, then the count: of one who dies in between nothing is seen. */
    private void enterVoid(long sequence) {
        long count = memory.getAcquire(TopicLayout.VOIDS);
        for (long n = Math.max(0, count - TopicLayout.VOIDS_KEPT); n < count; n++)
            if (memory.getAcquire(voidEntry(n)) == sequence) return;
        memory.setRelease(voidEntry(count), sequence);
        memory.setRelease(TopicLayout.VOIDS, count + 1);
    }

    static long voidEntry(long n) {
        return TopicLayout.VOIDS + 8 + 8 * (n % TopicLayout.VOIDS_KEPT);
    }

    private void takeLoan(int index, long claim, long loan) {
        long chunk = memory.getAcquire(loan) - 1;
        if (chunk >= 0 && chunk < layout.units) {
            long at = layout.chunkWord((int) chunk);
            long word = memory.getVolatile(at);
            if (isLoanOf(word, index) || isGivenInVain(word, index, claim, chunk))
                memory.compareAndSet(at, word,
                        TopicLayout.chunk(0, TopicLayout.chunkLength(word), TopicLayout.FREE));
        }
        memory.setRelease(loan, 0);
    }

    private static boolean isLoanOf(long word, int index) {
        return TopicLayout.chunkState(word) == TopicLayout.ON_LOAN
                && TopicLayout.chunkTag(word) == index;
    }

    /** Given for the claim, which did not become a message, or not this one. */
    private boolean isGivenInVain(long word, int index, long claim, long chunk) {
        if (TopicLayout.chunkState(word) != TopicLayout.GIVEN) return false;
        if (!TopicLayout.isTagOf(word, claim)) return false;
        long state = topic.slotState(claim);
        if (TopicLayout.sequence(state) > claim) return false;
        if (TopicLayout.sequence(state) < claim) return true;
        if (TopicLayout.phase(state) == TopicLayout.VOID) return true;
        long slot = layout.slot(claim);
        boolean isMessage = TopicLayout.phase(state) == COMMITTED
                && TopicLayout.row(state) == index
                && (memory.getAcquire(slot + TopicLayout.META) & TopicLayout.META_CHUNK) != 0
                && memory.getAcquire(slot + TopicLayout.BODY + 8) == chunk;
        return TopicLayout.phase(state) == COMMITTED && !isMessage;
    }

    // ---- subscribers ---------------------------------------------------------------------------

    private void recoverSubscriber(int index) {
        long row = layout.subscriber(index);
        for (int i = 0; i < layout.holds; i++) letGo(TopicLayout.hold(row, i));
        memory.clearBits(TopicLayout.gate(index), TopicLayout.gateBit(index));
        memory.setVolatile(row, 0);
    }

    private void letGo(long at) {
        long hold = memory.getVolatile(at);
        if (hold == 0) return;
        memory.setVolatile(at, hold | 1);
        freeIfOrphan(hold >>> 21, (int) (hold >>> 1) & (1 << 20) - 1);
        memory.setVolatile(at, 0);
    }

    private void freeIfOrphan(long sequence, int chunk) {
        if (chunk >= layout.units) return;
        long word = memory.getVolatile(layout.chunkWord(chunk));
        boolean isOrphan = TopicLayout.chunkState(word) == TopicLayout.ORPHAN
                && TopicLayout.isTagOf(word, sequence);
        if (isOrphan && !isHeld(sequence, chunk))
            memory.compareAndSet(layout.chunkWord(chunk), word,
                    TopicLayout.chunk(0, TopicLayout.chunkLength(word), TopicLayout.FREE));
    }

    /** Does any subscriber hold it? Those that are releasing do not count. */
    private boolean isHeld(long sequence, int chunk) {
        long hold = sequence << 21 | (long) chunk << 1;
        for (int row = 0; row < layout.subscribers; row++) {
            if (memory.getVolatile(layout.subscriber(row)) == 0) continue;
            for (int i = 0; i < layout.holds; i++)
                if (memory.getVolatile(TopicLayout.hold(layout.subscriber(row), i)) == hold)
                    return true;
        }
        return false;
    }
}
