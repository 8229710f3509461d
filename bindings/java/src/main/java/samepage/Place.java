package samepage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import samepage.SamepageException.Reason;

/** A place in the table of nodes, taken by this process: docs/layout/nodes.md. */
final class Place {
    static final long LAST_GENERATION = (1L << 48) - 1;

    private static final long PLACE_LOCKS = 1L << 60;
    private static final int TAKEN = 1;
    private static final String NAME = "java"; // for people

    private final Memory table;
    private final int index;
    private final long generation;
    private final FileLock life;

    private Place(Memory table, int index, long generation, FileLock life) {
        this.table = table;
        this.index = index;
        this.generation = generation;
        this.life = life;
    }

    long number() {
        return generation << 12 | index;
    }

    static Place take(Domain domain, Memory table, FileChannel locks) throws IOException {
        for (int index = 0; index < NodeTable.PLACES; index++) {
            if (!mayBeFree(domain, table.getAcquire(at(index)), index)) continue;
            Place place = take(domain, table, locks, index);
            if (place == null) continue;
            place.writeHints();
            return place;
        }
        throw new SamepageException(Reason.FULL, NodeTable.PLACES + " nodes live in the domain");
    }

    void leave() throws IOException {
        long taken = generation << 8 | TAKEN;
        table.compareAndSet(at(index), taken, generation << 8);
        life.release();
    }

    private static long at(int index) {
        return NodeTable.FIRST_PLACE + (long) index * NodeTable.PLACE_BYTES;
    }

    private static boolean isSane(long state) {
        long phase = state & 0xff;
        long generation = state >>> 8;
        return phase <= TAKEN && generation < LAST_GENERATION && (generation > 0 || phase == 0);
    }

    private static boolean mayBeFree(Domain domain, long state, int index) {
        if (!isSane(state)) return false;
        return (state & 0xff) == 0 || !domain.isAlive(state >>> 8 << 12 | index);
    }

    /** The lock of the place first, then that of the number, then the commit. */
    private static Place take(Domain domain, Memory table, FileChannel locks, int index)
            throws IOException {
        try (FileLock ours = tryLock(locks, PLACE_LOCKS + index)) {
            if (ours == null) return null;
            long state = table.getAcquire(at(index));
            if (!mayBeFree(domain, state, index)) return null;
            long generation = state >>> 8;
            long free = generation << 8;
            if (state != free && !table.compareAndSet(at(index), state, free)) return null;
            FileLock life = tryLock(locks, generation + 1 << 12 | index);
            if (life == null) return null;
            if (table.compareAndSet(at(index), free, generation + 1 << 8 | TAKEN))
                return new Place(table, index, generation + 1, life);
            life.release();
            return null;
        }
    }

    private static FileLock tryLock(FileChannel locks, long position) throws IOException {
        synchronized (locks) {
            try {
                return locks.tryLock(position, 1, false);
            } catch (OverlappingFileLockException ours) {
                return null;
            }
        }
    }

    private void writeHints() throws IOException {
        long pid = ProcessHandle.current().pid();
        byte[] name = java.util.Arrays.copyOf(NAME.getBytes(StandardCharsets.US_ASCII), 32);
        table.putInt(at(index) + 8, (int) pid);
        table.putInt(at(index) + 12, Machine.user());
        table.setOpaque(at(index) + 16, Machine.nanosSince1970());
        table.setOpaque(at(index) + 24, Machine.pidNamespace());
        table.put(at(index) + 32, name, 0, name.length);
    }
}
