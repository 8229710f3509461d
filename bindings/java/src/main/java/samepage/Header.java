package samepage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import samepage.SamepageException.Reason;

/** The first 64 bytes of every object: docs/layout/header.md. */
final class Header {
    static final int BYTES = 64;
    static final int NODES = 1;
    static final int TOPIC = 4;
    static final int CELL = 5;

    private static final byte[] MAGIC = "SAMEPAGE".getBytes(StandardCharsets.US_ASCII);
    private static final int BYTE_ORDER = 0x01020304;
    private static final int OTHER_ORDER = 0x04030201;
    private static final short MAJOR = 1;

    final int headerSize;
    final long size;
    final long domain;

    private Header(int headerSize, long size, long domain) {
        this.headerSize = headerSize;
        this.size = size;
        this.domain = domain;
    }

    /** Reads and judges, in the order of the table in header.md. */
    static Header read(FileChannel file, int kind, String name) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.nativeOrder());
        while (bytes.hasRemaining() && file.read(bytes, bytes.position()) >= 0) continue;
        if (bytes.hasRemaining()) throw other(name + " is no object of Samepage: it is too short");
        judgeMaker(bytes, kind, name);
        Header header = new Header(bytes.getInt(28), bytes.getLong(32), bytes.getLong(40));
        if (header.headerSize < BYTES || header.headerSize > header.size)
            throw SamepageException.corrupt(name + " has a header of another size");
        if (header.size > file.size())
            throw SamepageException.corrupt(name + " is shorter than its header says");
        return header;
    }

    private static void judgeMaker(ByteBuffer bytes, int kind, String name) throws IOException {
        for (int i = 0; i < MAGIC.length; i++)
            if (bytes.get(i) != MAGIC[i]) throw other(name + " is no object of Samepage");
        int order = bytes.getInt(8);
        if (order == OTHER_ORDER) throw version(name + " has the other byte order");
        if (order != BYTE_ORDER) throw SamepageException.corrupt(name + " has no byte order");
        if (bytes.getShort(12) != MAJOR)
            throw version(name + " has version " + bytes.getShort(12) + " of the layout");
        if (bytes.getInt(16) != kind)
            throw other(name + " is of kind " + bytes.getInt(16) + ", not " + kind);
        if (bytes.getInt(20) != 0) throw version(name + " has features that are not known here");
        if (bytes.getInt(24) != Machine.pageSize())
            throw version(name + " was made where a page has " + bytes.getInt(24) + " bytes");
    }

    /** The header of an object that is made now, at the beginning of {@code bytes}. */
    static void write(ByteBuffer bytes, int kind, int headerSize, long size, long domain,
            long creator) throws IOException {
        bytes.put(0, MAGIC);
        bytes.putInt(8, BYTE_ORDER);
        bytes.putShort(12, MAJOR);
        bytes.putInt(16, kind);
        bytes.putInt(24, (int) Machine.pageSize());
        bytes.putInt(28, headerSize);
        bytes.putLong(32, size);
        bytes.putLong(40, domain);
        bytes.putLong(48, creator);
        bytes.putLong(56, Machine.nanosSince1970());
    }

    private static SamepageException other(String what) {
        return new SamepageException(Reason.TYPE, what);
    }

    private static SamepageException version(String what) {
        return new SamepageException(Reason.VERSION, what);
    }
}
