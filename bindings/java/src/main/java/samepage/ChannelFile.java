package samepage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import samepage.SamepageException.Reason;

/** The file of a channel: its name, its first 128 bytes, its coming and going. */
final class ChannelFile implements AutoCloseable {
    static final int HEADER_SIZE = 256;
    static final int GEOMETRY = 64;
    static final int TYPE_BYTES = 64;
    static final int SCHEMA_MAX = 65_536;

    private static final long BUILDERS_LOCK = 1;
    private static final int WRITE_AT_ONCE = 1 << 20;

    private final FileChannel file;
    private final Path path;
    private final Object fileKey;
    private final Header header;
    private final long[] geometry = new long[8];

    private ChannelFile(Path path, Domain domain, int kind, boolean readOnly) throws IOException {
        this.path = path;
        file = readOnly ? FileChannel.open(path, StandardOpenOption.READ)
                : FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try {
            fileKey = key(path);
            header = Header.read(file, kind, path.toString());
            if (header.headerSize != HEADER_SIZE) throw corrupt("a header of another size");
            if (header.domain != domain.number()) throw corrupt("the number of another domain");
            readGeometry();
        } catch (IOException failure) {
            file.close();
            throw failure;
        }
    }

    static ChannelFile open(Domain domain, String name, String suffix, int kind, boolean readOnly)
            throws IOException {
        return new ChannelFile(path(domain, name, suffix), domain, kind, readOnly);
    }

    static boolean exists(Domain domain, String name, String suffix) {
        return Files.exists(path(domain, name, suffix));
    }

    private void readGeometry() throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(64).order(ByteOrder.nativeOrder());
        if (file.read(bytes, GEOMETRY) != 64) throw corrupt("no geometry");
        for (int i = 0; i < geometry.length; i++) geometry[i] = bytes.getLong(8 * i);
    }

    SamepageException corrupt(String what) {
        return SamepageException.corrupt(path + " has " + what);
    }

    long geometry(int index) {
        return geometry[index];
    }

    long[] geometry() {
        return geometry.clone();
    }

    /** Maps it, if its size is what its geometry says. */
    Memory map(long expected, boolean readOnly) throws IOException {
        if (header.size != expected || file.size() != expected)
            throw corrupt("a size of " + file.size() + " bytes, not " + expected);
        return new Memory(file, readOnly ? FileChannel.MapMode.READ_ONLY
                : FileChannel.MapMode.READ_WRITE, expected);
    }

    /** Is the type that is wanted the channel's? A null or 0 wants none. */
    void judgeType(Memory memory, long at, String type, long typeSize, long channelTypeSize)
            throws IOException {
        String there = memory.text(at, TYPE_BYTES);
        if (type != null && !type.equals(there))
            throw new SamepageException(Reason.TYPE, path + " has type " + there + ", not " + type);
        if (typeSize != 0 && typeSize != channelTypeSize)
            throw new SamepageException(Reason.TYPE,
                    path + " has values of " + channelTypeSize + " bytes, not " + typeSize);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    // ---- coming and going, under the domain's lock ---------------------------------------------

    /**
     * Makes the file, complete, and then gives it its name. Who does so holds the domain's lock; so
     * what is called `.new` is a dead one's.
     *
     * @param head the first bytes; all after them are zeros, and written, so that they have memory
     * @param tail the last bytes
     */
    static void make(Domain domain, String name, String suffix, ByteBuffer head, ByteBuffer tail,
            long size, Set<PosixFilePermission> mode) throws IOException {
        Path path = path(domain, name, suffix);
        Path building = path.resolveSibling(path.getFileName() + ".new");
        Files.deleteIfExists(building);
        try (FileChannel file = FileChannel.open(building, Set.of(StandardOpenOption.CREATE_NEW,
                StandardOpenOption.WRITE), PosixFilePermissions.asFileAttribute(mode));
                FileLock held = file.tryLock(BUILDERS_LOCK, 1, false)) {
            if (held == null) throw new IOException(building + " is locked");
            fill(file, head, size);
            file.write(tail, size - tail.remaining());
            Files.setPosixFilePermissions(building, mode);
            Files.createLink(path, building);
        } finally {
            Files.deleteIfExists(building);
        }
    }

    private static void fill(FileChannel file, ByteBuffer head, long size) throws IOException {
        while (head.hasRemaining()) file.write(head);
        ByteBuffer zeros = ByteBuffer.allocateDirect(WRITE_AT_ONCE);
        while (file.position() < size) {
            zeros.clear();
            zeros.limit((int) Math.min(zeros.capacity(), size - file.position()));
            file.write(zeros);
        }
    }

    /** Takes the name away, if it still stands for this file. */
    void removeName() throws IOException {
        try {
            if (fileKey.equals(key(path))) Files.delete(path);
        } catch (NoSuchFileException gone) {
            // Somebody has unlinked it.
        }
    }

    static void unlink(Path directory, String name, String suffix) throws IOException {
        Domain domain = Domain.enter(directory, true);
        try {
            domain.locked(() -> {
                Files.delete(path(domain, name, suffix));
                return null;
            });
        } finally {
            domain.leave();
        }
    }

    private static Object key(Path path) throws IOException {
        return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
    }

    // ---- names ---------------------------------------------------------------------------------

    private static final int NAME_MAX = 200;
    private static final int FILE_NAME_MAX = 250;

    static Path path(Domain domain, String name, String suffix) {
        judgeName(name);
        String file = name.replace("/", "%2F") + suffix;
        if (file.getBytes(StandardCharsets.UTF_8).length > FILE_NAME_MAX)
            throw new IllegalArgumentException("the name has too many slashes: " + name);
        return domain.directory().resolve(file);
    }

    private static void judgeName(String name) {
        int length = name.getBytes(StandardCharsets.UTF_8).length;
        if (length < 1 || length > NAME_MAX)
            throw new IllegalArgumentException("a name has 1 to 200 bytes, not " + length);
        if (name.charAt(0) == '.' || name.charAt(0) == '/')
            throw new IllegalArgumentException("a name begins with no dot and no slash: " + name);
        for (int i = 0; i < name.length(); i++)
            if (!isAllowed(name.charAt(i)))
                throw new IllegalArgumentException("not allowed in a name: " + name);
    }

    private static boolean isAllowed(char c) {
        return c >= 0x80 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
                || "_-./".indexOf(c) >= 0;
    }
}
