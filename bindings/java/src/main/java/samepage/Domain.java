package samepage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import samepage.SamepageException.Reason;

/**
 * This process in one domain: docs/layout/nodes.md.
 *
 * Java's file locks are the POSIX ones. They conflict with those of an opening, so other processes
 * see them as they should; but the kernel frees all that a process has on a file as soon as it
 * closes any descriptor of that file. So there is one instance for each domain, all that open
 * something in it share it, and the file `nodes` is opened and closed here and nowhere else. The
 * channel that has the locks is used for locking alone: any other call on it would close it if the
 * calling thread were interrupted.
 *
 * The kernel has a call that asks after a lock, but Java does not. So asking is trying to take a
 * shared lock, and giving it back. Meanwhile a dead node looks alive to others, which only delays
 * them; they ask again.
 */
final class Domain {
    private static final Map<Object, Domain> BY_FILE = new HashMap<>();
    private static final long DOMAIN_LOCK = 2;
    private static final long LOCK_PATIENCE = 5_000_000_000L;
    private static final long LOCK_REST = 10_000_000;

    private final Path directory;
    private final Object fileKey;
    private final FileChannel locks;
    private final boolean writable;
    private final Memory table;
    private final long number;
    private final ReentrantLock threads = new ReentrantLock();
    private Place place;
    private int users;

    private Domain(Path directory, Object fileKey) throws IOException {
        Path path = directory.resolve("nodes");
        boolean mayWrite = Files.isWritable(path);
        this.directory = directory;
        this.fileKey = fileKey;
        this.writable = mayWrite;
        locks = open(path, mayWrite);
        try (FileChannel file = open(path, mayWrite)) {
            Header header = readHeader(file, path);
            number = header.domain;
            table = new Memory(file, mayWrite ? FileChannel.MapMode.READ_WRITE
                    : FileChannel.MapMode.READ_ONLY, NodeTable.BYTES);
            if (!fileKey.equals(key(path)))
                throw new IOException(path + " was replaced while it was opened");
        } catch (IOException failure) {
            locks.close();
            throw failure;
        }
    }

    private static Header readHeader(FileChannel file, Path path) throws IOException {
        Header header;
        try {
            header = Header.read(file, Header.NODES, path.toString());
        } catch (SamepageException failure) {
            if (failure.reason() != Reason.TYPE) throw failure;
            throw SamepageException.corrupt(failure.getMessage());
        }
        if (header.headerSize != NodeTable.FIRST_PLACE || header.size < NodeTable.BYTES
                || header.domain == 0)
            throw SamepageException.corrupt(path + " is no table of nodes");
        return header;
    }

    private static FileChannel open(Path path, boolean mayWrite) throws IOException {
        if (!mayWrite) return FileChannel.open(path, StandardOpenOption.READ);
        return FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    private static Object key(Path path) throws IOException {
        return Files.readAttributes(path, java.nio.file.attribute.BasicFileAttributes.class)
                .fileKey();
    }

    // ---- finding it ----------------------------------------------------------------------------

    static Path defaultDirectory() throws IOException {
        String named = System.getenv("SAMEPAGE_DOMAIN");
        if (named != null && !named.isEmpty()) return Path.of(named);
        return Path.of("/dev/shm/samepage-" + Machine.user());
    }

    /** Joins; with {@code asNode} as one who takes part, else as one who looks. */
    static Domain enter(Path directory, boolean asNode) throws IOException {
        if (directory == null) directory = defaultDirectory();
        synchronized (BY_FILE) {
            if (asNode) NodeTable.makeIfMissing(directory);
            judge(directory);
            Object fileKey = key(directory.resolve("nodes"));
            Domain domain = BY_FILE.get(fileKey);
            if (domain == null) {
                domain = new Domain(directory.toAbsolutePath(), fileKey);
                BY_FILE.put(fileKey, domain);
            }
            domain.users++;
            if (asNode) domain.becomeNode();
            return domain;
        }
    }

    /** The last one to leave takes the node with it. */
    void leave() throws IOException {
        synchronized (BY_FILE) {
            if (--users > 0) return;
            BY_FILE.remove(fileKey);
            try {
                if (place != null) place.leave();
            } finally {
                locks.close();
            }
        }
    }

    private void becomeNode() throws IOException {
        if (place != null) return;
        try {
            if (!writable) throw new AccessDeniedException(directory + "/nodes");
            place = Place.take(this, table, locks);
        } catch (IOException failure) {
            leave();
            throw failure;
        }
    }

    private static void judge(Path directory) throws IOException {
        Map<String, Object> facts =
                Files.readAttributes(directory, "unix:mode,uid", LinkOption.NOFOLLOW_LINKS);
        int mode = (Integer) facts.get("mode");
        int owner = (Integer) facts.get("uid");
        if ((mode & 0170000) != 0040000) throw untrusted(directory, "is no directory");
        if (owner != 0 && owner != Machine.user()) throw untrusted(directory, "is another user's");
        if ((mode & 0002) != 0) throw untrusted(directory, "can be written by others");
    }

    private static SamepageException untrusted(Path directory, String why) {
        return new SamepageException(Reason.UNTRUSTED, directory + " " + why);
    }

    // ---- who lives -----------------------------------------------------------------------------

    Path directory() {
        return directory;
    }

    /** The random number of the domain. */
    long number() {
        return number;
    }

    /** The number of our node; 0 if we only look. */
    long node() {
        return place == null ? 0 : place.number();
    }

    /** Doubt means alive. */
    boolean isAlive(long node) {
        long generation = node >>> 12;
        if (generation == 0 || generation > Place.LAST_GENERATION) return false;
        if (place != null && node == place.number()) return true;
        synchronized (locks) {
            try {
                FileLock lock = locks.tryLock(node, 1, true);
                if (lock == null) return true;
                lock.release();
                return false;
            } catch (IOException | OverlappingFileLockException doubt) {
                return true;
            }
        }
    }

    // ---- the domain's lock ---------------------------------------------------------------------

    /** What is done under the domain's lock. */
    interface Locked<T> {
        T run() throws IOException;
    }

    <T> T locked(Locked<T> action) throws IOException {
        threads.lock();
        try {
            FileLock lock = lock();
            try {
                return action.run();
            } finally {
                lock.release();
            }
        } finally {
            threads.unlock();
        }
    }

    /** Does it if nobody has the lock now. */
    void tryLocked(Locked<?> action) throws IOException {
        if (!threads.tryLock()) return;
        try (FileLock lock = tryLock()) {
            if (lock != null) action.run();
        } finally {
            threads.unlock();
        }
    }

    private FileLock tryLock() throws IOException {
        synchronized (locks) {
            return locks.tryLock(DOMAIN_LOCK, 1, false);
        }
    }

    private FileLock lock() throws IOException {
        long start = System.nanoTime();
        do {
            FileLock lock = tryLock();
            if (lock != null) return lock;
            LockSupport.parkNanos(LOCK_REST);
        } while (System.nanoTime() - start < LOCK_PATIENCE);
        throw new SamepageException(Reason.BUSY,
                "the lock of " + directory + " has been held for five seconds");
    }
}
