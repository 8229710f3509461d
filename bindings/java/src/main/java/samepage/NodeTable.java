package samepage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.security.SecureRandom;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/** Making the directory of a domain and its file `nodes`: docs/layout/nodes.md. */
final class NodeTable {
    static final int PLACES = 4096;
    static final int FIRST_PLACE = 4096;
    static final int PLACE_BYTES = 64;
    static final int BYTES = FIRST_PLACE + PLACES * PLACE_BYTES;

    private static final long BUILDERS_LOCK = 1;
    private static final int ATTEMPTS = 500;
    private static final long REST = 10_000_000;
    private static final Set<PosixFilePermission> FOR_OTHERS = EnumSet.of(
            PosixFilePermission.OTHERS_READ, PosixFilePermission.OTHERS_WRITE,
            PosixFilePermission.OTHERS_EXECUTE, PosixFilePermission.OWNER_EXECUTE,
            PosixFilePermission.GROUP_EXECUTE);

    private NodeTable() {
    }

    static void makeIfMissing(Path directory) throws IOException {
        makeDirectory(directory);
        Path path = directory.resolve("nodes");
        for (int i = 0; i < ATTEMPTS && Files.notExists(path); i++)
            if (!make(directory, path)) LockSupport.parkNanos(REST);
    }

    private static void makeDirectory(Path directory) throws IOException {
        try {
            Files.createDirectory(directory, java.nio.file.attribute.PosixFilePermissions
                    .asFileAttribute(EnumSet.of(PosixFilePermission.OWNER_READ,
                            PosixFilePermission.OWNER_WRITE, PosixFilePermission.OWNER_EXECUTE)));
        } catch (FileAlreadyExistsException there) {
            return;
        }
    }

    /**
     * Java has no unnamed files, so the table is built as `nodes.new` under a lock. Between its
     * being made and its being locked another builder may take it for a dead one's and put its own
     * in its place; so the one who has the lock looks whether the name still stands for its file.
     * Or the table may have been linked meanwhile, and be the very file that is open here.
     */
    private static boolean make(Path directory, Path path) throws IOException {
        Path building = directory.resolve("nodes.new");
        long domain = new SecureRandom().nextLong() | 1;
        try (FileChannel file = FileChannel.open(building, StandardOpenOption.CREATE,
                StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            FileLock lock = file.tryLock(BUILDERS_LOCK, 1, false);
            if (lock == null) return false;
            if (Files.exists(path)) return true;
            file.write(contents(domain), 0);
            try (FileChannel named = FileChannel.open(building, StandardOpenOption.READ)) {
                if (domainIn(named) == domain) link(directory, building, path);
            }
        } catch (NoSuchFileException finished) {
            return true;
        }
        return Files.exists(path);
    }

    private static void link(Path directory, Path building, Path path) throws IOException {
        Set<PosixFilePermission> mode = Files.getPosixFilePermissions(directory);
        mode.removeAll(FOR_OTHERS);
        Files.setPosixFilePermissions(building, mode);
        try {
            Files.createLink(path, building);
        } catch (FileAlreadyExistsException anotherWasFirst) {
            // Its table is as good as ours.
        }
        Files.deleteIfExists(building);
    }

    private static ByteBuffer contents(long domain) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.nativeOrder());
        Header.write(bytes, Header.NODES, FIRST_PLACE, BYTES, domain, 0);
        return bytes;
    }

    private static long domainIn(FileChannel file) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(8).order(ByteOrder.nativeOrder());
        return file.read(bytes, 40) == 8 ? bytes.getLong(0) : 0;
    }
}
