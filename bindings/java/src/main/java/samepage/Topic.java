package samepage;

import java.io.IOException;

/** A topic that is open here, whatever for: what publishers and subscribers have in common. */
final class Topic {
    final Domain domain;
    final TopicLayout layout;
    final Memory memory;
    private final ChannelFile file;

    private Topic(Domain domain, ChannelFile file, TopicLayout layout, Memory memory) {
        this.domain = domain;
        this.file = file;
        this.layout = layout;
        this.memory = memory;
    }

    static Topic open(Domain domain, String name, String type, long typeSize, boolean readOnly)
            throws IOException {
        try (ChannelFile file = ChannelFile.open(domain, name, TopicLayout.SUFFIX, Header.TOPIC,
                readOnly)) {
            TopicLayout layout = TopicLayout.of(file);
            Memory memory = file.map(layout.end, readOnly);
            file.judgeType(memory, TopicLayout.TYPE, type, typeSize, layout.typeSize);
            return new Topic(domain, file, layout, memory);
        }
    }

    long slotState(long sequence) {
        return memory.getAcquire(layout.slot(sequence));
    }

    /** The first sequence that nobody has claimed. */
    long head() {
        long head = Math.max(memory.getAcquire(TopicLayout.NEXT), layout.first);
        long farthest = head + 2L * layout.slots; // whatever `next` says
        while (head < farthest && TopicLayout.sequence(slotState(head)) >= head) head++;
        return head;
    }

    /** Has the owner of a row left, or died? A free row has none. */
    boolean isGone(long owner) {
        return (owner & TopicLayout.LEFT) != 0 || !domain.isAlive(owner >>> 4);
    }

    /** The first row that is free, or -1. Under the domain's lock. */
    int freeSubscriber() {
        for (int row = 0; row < layout.subscribers; row++)
            if (memory.getAcquire(layout.subscriber(row)) == 0) return row;
        return -1;
    }

    /** Clears the rows of those who left or died; nothing if another has the domain's lock. */
    void recover() throws IOException {
        domain.tryLocked(() -> {
            new TopicRecovery(this).recoverAll();
            return null;
        });
    }

    /** Leaves the row, and the topic: the last one removes it, unless it is kept. */
    void leave(long row) throws IOException {
        memory.setVolatile(row, domain.node() << 4 | TopicLayout.LEFT);
        domain.locked(() -> {
            new TopicRecovery(this).recoverAll();
            boolean kept = (layout.flags & TopicLayout.KEPT) != 0;
            if (!kept && !isInUse()) file.removeName();
            return null;
        });
    }

    private boolean isInUse() {
        for (int row = 0; row < layout.publishers; row++)
            if (memory.getAcquire(layout.publisher(row)) != 0) return true;
        for (int row = 0; row < layout.subscribers; row++)
            if (memory.getAcquire(layout.subscriber(row)) != 0) return true;
        return false;
    }

    String type() {
        return memory.text(TopicLayout.TYPE, ChannelFile.TYPE_BYTES);
    }

    String schema() {
        return memory.text(layout.schema, layout.schemaBytes);
    }
}
