package samepage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import samepage.SamepageException.Reason;

/** Everything that can be said when a cell is opened; each method returns this very object. */
public final class CellOptions {
    private Path domain;
    private long capacity;
    private int buffers = 4;
    private String type;
    private long typeSize;
    private String schema = "";
    private boolean readOnly;
    private Set<PosixFilePermission> mode = PosixFilePermissions.fromString("rw-------");

    CellOptions() {
    }

    /** The directory of the domain. Default: SAMEPAGE_DOMAIN, else the user's own. */
    public CellOptions domain(Path directory) {
        domain = directory;
        return this;
    }

    /**
     * Bytes of the largest value, at most 1 GiB. The cell is made if it is not there; one that is
     * there must have as much. Default 0: it must be there.
     */
    public CellOptions capacity(int bytes) {
        if (bytes < 0 || bytes > Memory.LARGEST)
            throw new IllegalArgumentException("a value has 1 byte to 1 GiB, not " + bytes);
        capacity = bytes;
        return this;
    }

    /** How many values there is room for in a cell that is made now, 3 to 64. Default 4. */
    public CellOptions buffers(int count) {
        if (count < CellLayout.BUFFERS_MIN || count > CellLayout.BUFFERS_MAX)
            throw new IllegalArgumentException("a cell has 3 to 64 buffers, not " + count);
        buffers = count;
        return this;
    }

    /** What is in it, and in how many bytes (0: any). Must agree. Default: any. */
    public CellOptions type(String name, int size) {
        if (name.getBytes(StandardCharsets.UTF_8).length >= ChannelFile.TYPE_BYTES || size < 0)
            throw new IllegalArgumentException("a type's name has at most 63 bytes: " + name);
        type = name;
        typeSize = size;
        return this;
    }

    /** A text that describes what is in a cell that is made now. Default: none. */
    public CellOptions schema(String text) {
        if (text.getBytes(StandardCharsets.UTF_8).length > ChannelFile.SCHEMA_MAX)
            throw new IllegalArgumentException("a schema has at most 65536 bytes");
        schema = text;
        return this;
    }

    /** Permissions of a cell that is made now. Default: its owner may read and write it. */
    public CellOptions mode(Set<PosixFilePermission> permissions) {
        mode = Set.copyOf(permissions);
        return this;
    }

    /** Nothing is written to the cell, so it needs the right to read only, and no node. */
    public CellOptions readOnly() {
        readOnly = true;
        return this;
    }

    /**
     * Opens the cell, or makes it, without a value, if a capacity is given.
     *
     * @throws NoSuchFileException if it is not there and no capacity is given
     * @throws SamepageException TOO_BIG: it has less capacity; TYPE; VERSION; CORRUPT; BUSY; FULL
     */
    public Cell open(String name) throws IOException {
        Domain entered = Domain.enter(domain, !readOnly);
        try {
            return readOnly ? open(entered, name) : entered.locked(() -> openOrMake(entered, name));
        } catch (IOException | RuntimeException failure) {
            entered.leave();
            throw failure;
        }
    }

    private Cell openOrMake(Domain entered, String name) throws IOException {
        if (capacity > 0 && !ChannelFile.exists(entered, name, CellLayout.SUFFIX))
            make(entered, name);
        return open(entered, name);
    }

    private Cell open(Domain entered, String name) throws IOException {
        try (ChannelFile file = ChannelFile.open(entered, name, CellLayout.SUFFIX, Header.CELL,
                readOnly)) {
            CellLayout layout = CellLayout.of(file);
            Memory memory = file.map(layout.end, readOnly);
            file.judgeType(memory, CellLayout.TYPE, type, typeSize, layout.typeSize);
            if (layout.capacity < capacity)
                throw new SamepageException(Reason.TOO_BIG,
                        name + " has a capacity of " + layout.capacity + ", not " + capacity);
            return new Cell(entered, layout, memory, readOnly);
        }
    }

    private void make(Domain entered, String name) throws IOException {
        byte[] text = schema.getBytes(StandardCharsets.UTF_8);
        CellLayout layout = new CellLayout(capacity, buffers, typeSize, text.length);
        ByteBuffer head = ByteBuffer.allocate((int) CellLayout.BUFFERS);
        head.order(ByteOrder.nativeOrder());
        Header.write(head, Header.CELL, ChannelFile.HEADER_SIZE, layout.end, entered.number(),
                entered.node());
        head.putLong(ChannelFile.GEOMETRY, capacity);
        head.putLong(ChannelFile.GEOMETRY + 8, buffers);
        head.putLong(ChannelFile.GEOMETRY + 16, typeSize);
        head.putLong(ChannelFile.GEOMETRY + 24, text.length);
        if (type != null) head.put((int) CellLayout.TYPE, type.getBytes(StandardCharsets.UTF_8));
        ByteBuffer tail = ByteBuffer.allocate((int) (layout.end - layout.schema)).put(0, text);
        ChannelFile.make(entered, name, CellLayout.SUFFIX, head, tail, layout.end, mode);
    }
}
