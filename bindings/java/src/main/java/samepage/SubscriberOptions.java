package samepage;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import samepage.SamepageException.Reason;

/** Everything that can be said when subscribing; each method returns this very object. */
public final class SubscriberOptions {
    private Path domain;
    private String type;
    private long typeSize;
    private boolean readOnly;
    private long history;
    private Duration timeout = Duration.ZERO;

    SubscriberOptions() {
    }

    /** The directory of the domain. Default: SAMEPAGE_DOMAIN, else the user's own. */
    public SubscriberOptions domain(Path directory) {
        domain = directory;
        return this;
    }

    /** What is published, and in how many bytes (0: any). Must agree. Default: any. */
    public SubscriberOptions type(String name, int size) {
        if (name.getBytes(StandardCharsets.UTF_8).length >= ChannelFile.TYPE_BYTES || size < 0)
            throw new IllegalArgumentException("a type's name has at most 63 bytes: " + name);
        type = name;
        typeSize = size;
        return this;
    }

    /** Nothing is written to the topic: may lose messages, reads copies, and holds up nobody. */
    public SubscriberOptions readOnly() {
        readOnly = true;
        return this;
    }

    /** With how many of the last messages to begin, as far as they are there. Default 0. */
    public SubscriberOptions history(int messages) {
        if (messages < 0) throw new IllegalArgumentException("a history below zero");
        history = messages;
        return this;
    }

    /** How long to wait for the topic to be made. Default: not at all. */
    public SubscriberOptions timeout(Duration duration) {
        timeout = duration;
        return this;
    }

    /**
     * Subscribes.
     *
     * @throws NoSuchFileException if there is no such topic, after the timeout
     * @throws SamepageException FULL: as many subscribers live as the topic allows; TYPE; VERSION;
     *         CORRUPT; BUSY
     */
    public Subscriber open(String name) throws IOException, InterruptedException {
        Domain entered = readOnly ? null : Domain.enter(domain, true);
        try {
            return await(name);
        } finally {
            if (entered != null) entered.leave();
        }
    }

    private Subscriber await(String name) throws IOException, InterruptedException {
        Waiting waiting = new Waiting(timeout);
        while (true) {
            try {
                return tryOpen(name);
            } catch (NoSuchFileException missing) {
                if (!waiting.pause()) throw missing;
            }
        }
    }

    private Subscriber tryOpen(String name) throws IOException {
        Domain entered = Domain.enter(domain, !readOnly);
        try {
            return readOnly ? look(entered, name) : entered.locked(() -> join(entered, name));
        } catch (IOException | RuntimeException failure) {
            entered.leave();
            throw failure;
        }
    }

    private Subscriber look(Domain entered, String name) throws IOException {
        Topic topic = Topic.open(entered, name, type, typeSize, true);
        return new Subscriber(topic, 0, start(topic));
    }

    /** As many before the head as are wanted, but nothing that was overwritten. */
    private long start(Topic topic) {
        long head = topic.head();
        long most = Math.min(history, topic.layout.slots);
        long start = Math.max(topic.layout.first, head - most);
        while (start < head && TopicLayout.sequence(topic.slotState(start)) != start) start++;
        return start;
    }

    /**
     * Takes a row. The cursor is there before the gate, and the gate before we look how far
     * publishers may go: one who did not see us wrote down before how far it may.
     */
    private Subscriber join(Domain entered, String name) throws IOException {
        Topic topic = Topic.open(entered, name, type, typeSize, false);
        int index = topic.freeSubscriber();
        if (index < 0) {
            new TopicRecovery(topic).recoverAll();
            index = topic.freeSubscriber();
        }
        if (index < 0)
            throw new SamepageException(Reason.FULL,
                    topic.layout.subscribers + " subscribers of " + name + " live");
        long row = topic.layout.subscriber(index);
        long start = start(topic); // before we can be seen: what comes after that is ours
        enter(topic, row, start);
        topic.memory.setBits(TopicLayout.gate(index), TopicLayout.gateBit(index));
        long begin = protectedFrom(topic, start);
        topic.memory.setVolatile(row + TopicLayout.CURSOR, begin);
        return new Subscriber(topic, row, begin);
    }

    private static void enter(Topic topic, long row, long cursor) throws IOException {
        Memory memory = topic.memory;
        memory.setOpaque(row + TopicLayout.POLICY, TopicLayout.MUST_NOT_LOSE);
        memory.setOpaque(row + TopicLayout.RECEIVED, 0);
        memory.setOpaque(row + TopicLayout.LOST, 0);
        memory.setOpaque(row + TopicLayout.SUBSCRIBER_SINCE, Machine.nanosSince1970());
        memory.setOpaque(row + TopicLayout.SUBSCRIBER_ASLEEP, 0);
        memory.setOpaque(row + TopicLayout.HOLDING, 0);
        memory.setRelease(row + TopicLayout.CURSOR, cursor);
        memory.setVolatile(row, topic.domain.node() << 4);
    }

    private long protectedFrom(Topic topic, long start) {
        TopicLayout layout = topic.layout;
        long begin = start;
        for (int i = 0; i < layout.publishers; i++) {
            long row = layout.publisher(i);
            if (topic.memory.getVolatile(row) == 0) continue;
            long limit = topic.memory.getVolatile(row + TopicLayout.LIMIT);
            long drops = topic.memory.getVolatile(row + TopicLayout.DROPS);
            begin = Math.max(begin, Math.max(limit - layout.slots, drops));
        }
        long head = topic.head();
        for (long s = begin; s < head; s++)
            if (isDropped(topic.slotState(s), s)) begin = s + 1;
        return begin;
    }

    private static boolean isDropped(long state, long sequence) {
        return TopicLayout.sequence(state) == sequence
                && TopicLayout.phase(state) == TopicLayout.DROPPED;
    }
}
