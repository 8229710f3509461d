package samepage;

import java.io.IOException;

/** Where everything lies in a topic, and what its words say: docs/layout/topic.md. */
final class TopicLayout {
    static final String SUFFIX = ".topic";

    static final long NEXT = 256;
    static final long GATES = 768;
    static final long VOIDS = 1024;
    static final int VOIDS_KEPT = 64;
    static final long TYPE = 2048;
    static final long PUBLISHERS = 4096;
    static final int PUBLISHER_BYTES = 256;

    static final int KEPT = 2;
    static final int TIMED = 1;

    static final long OWNER = 0;
    static final long LEFT = 1;
    static final long CLAIM = 8;
    static final long LIMIT = 16;
    static final long DROPS = 40;
    static final long LOANS = 64;
    static final int LOAN_COUNT = 24;

    static final long CURSOR = 8;
    static final long POLICY = 16;
    static final long MUST_NOT_LOSE = 1;
    static final long RECEIVED = 24;
    static final long LOST = 32;
    static final long SUBSCRIBER_SINCE = 40;
    static final long SUBSCRIBER_ASLEEP = 48;
    static final long HOLDING = 56;
    static final long HOLDS = 64;

    static final int CLAIMED = 0;
    static final int COMMITTED = 1;
    static final int VOID = 2;
    static final int DROPPED = 3;

    static final long META = 8;
    static final long BODY = 16;
    static final int META_CHUNK = 1;
    static final int META_TIMED = 2;

    final int slots;
    final int slotBytes;
    final int publishers;
    final int subscribers;
    final int units;
    final int unitShift;
    final int holds;
    final long history;
    final int flags;
    final int typeSize;
    final int schemaBytes;
    final long first;

    final int subscriberBytes;
    final long subscriberRows;
    final long schema;
    final long slotsAt;
    final long map;
    final long arena;
    final long end;

    private TopicLayout(long[] geometry, long page) {
        slots = low(geometry[0]);
        slotBytes = high(geometry[0]);
        publishers = low(geometry[1]);
        subscribers = high(geometry[1]);
        units = low(geometry[2]);
        unitShift = high(geometry[2]);
        holds = low(geometry[3]);
        history = geometry[3] >>> 32;
        flags = low(geometry[4]);
        typeSize = high(geometry[4]);
        schemaBytes = low(geometry[5]);
        first = geometry[6];
        subscriberBytes = (int) roundUp(HOLDS + 8L * holds, 128);
        subscriberRows = PUBLISHERS + (long) publishers * PUBLISHER_BYTES;
        long bells = subscriberRows + (long) subscribers * subscriberBytes;
        schema = roundUp(bells + 8L * subscribers, 128);
        slotsAt = roundUp(schema + roundUp(schemaBytes, 8), 128);
        map = roundUp(slotsAt + (long) slots * slotBytes, 128);
        arena = roundUp(map + roundUp(8L * units, 128), page);
        end = roundUp(arena + ((long) units << unitShift), page);
    }

    static TopicLayout of(ChannelFile file) throws IOException {
        TopicLayout layout = new TopicLayout(file.geometry(), Machine.pageSize());
        layout.judge(file);
        return layout;
    }

    private static int low(long pair) {
        return (int) pair;
    }

    private static int high(long pair) {
        return (int) (pair >>> 32);
    }

    private void judge(ChannelFile file) throws IOException {
        boolean ring = isPowerOfTwo(slots) && slots >= 4 && slots <= 1 << 20
                && isPowerOfTwo(slotBytes) && slotBytes >= 64 && slotBytes <= 4096;
        boolean rows = publishers >= 1 && publishers <= 255
                && subscribers >= 1 && subscribers <= 1024
                && holds >= 8 && holds <= 1000 && holds % 8 == 0;
        boolean memory = units >= 0 && units <= 65_536 && unitShift >= 6 && unitShift <= 32;
        boolean rest = schemaBytes >= 0 && schemaBytes <= ChannelFile.SCHEMA_MAX
                && Long.compareUnsigned(first, slots) >= 0 && first < 1L << 53;
        if (!ring || !rows || !memory || !rest) throw file.corrupt("a geometry that cannot be");
    }

    private static boolean isPowerOfTwo(int number) {
        return number > 0 && (number & number - 1) == 0;
    }

    private static long roundUp(long number, long multiple) {
        return (number + multiple - 1) / multiple * multiple;
    }

    long publisher(int row) {
        return PUBLISHERS + (long) row * PUBLISHER_BYTES;
    }

    long subscriber(int row) {
        return subscriberRows + (long) row * subscriberBytes;
    }

    static long loan(long row, int index) {
        return row + LOANS + 8L * index;
    }

    static long hold(long row, int index) {
        return row + HOLDS + 8L * index;
    }

    long slot(long sequence) {
        return slotsAt + (sequence & slots - 1) * slotBytes;
    }

    long chunkWord(int chunk) {
        return map + 8L * chunk;
    }

    long chunkBytes(int chunk) {
        return arena + ((long) chunk << unitShift);
    }

    /** Bytes of the largest message that lies in its slot. */
    int inlineMax() {
        return slotBytes - (int) BODY - ((flags & TIMED) != 0 ? 8 : 0);
    }

    static long gate(int row) {
        return GATES + (row / 64) * 8L;
    }

    static long gateBit(int row) {
        return 1L << row % 64;
    }

    // ---- a slot's state ------------------------------------------------------------------------

    static long state(long sequence, int phase, int row) {
        return sequence << 10 | (long) phase << 8 | row;
    }

    static long sequence(long state) {
        return state >>> 10;
    }

    static int phase(long state) {
        return (int) (state >>> 8) & 3;
    }

    static int row(long state) {
        return (int) state & 0xff;
    }

    // ---- a chunk's word ------------------------------------------------------------------------

    static final int FREE = 0;
    static final int ON_LOAN = 1;
    static final int GIVEN = 2;
    static final int ORPHAN = 3;
    private static final long TAG_MASK = (1L << 42) - 1;

    static long chunk(long tag, long length, int state) {
        return (tag & TAG_MASK) << 22 | length << 2 | state;
    }

    static long chunkTag(long word) {
        return word >>> 22;
    }

    static long chunkLength(long word) {
        return word >>> 2 & (1 << 20) - 1;
    }

    static int chunkState(long word) {
        return (int) word & 3;
    }

    static boolean isTagOf(long word, long sequence) {
        return chunkTag(word) == (sequence & TAG_MASK);
    }
}
