package samepage;

import java.io.IOException;

/** Where everything lies in a cell: docs/layout/cell.md. */
final class CellLayout {
    static final String SUFFIX = ".cell";
    static final long LATEST = 256;
    static final long WRITERS = 384;
    static final long TYPE = 768;
    static final long PINS = 896;
    static final long AUTHORS = 1408;
    static final long BUFFERS = 1920;
    static final long SIZE = 8;
    static final int BUFFERS_MIN = 3;
    static final int BUFFERS_MAX = 64;

    final long capacity;
    final int buffers;
    final int schemaBytes;
    final long typeSize;
    final long value;
    final long stride;
    final long schema;
    final long end;

    CellLayout(long capacity, int buffers, long typeSize, int schemaBytes) {
        this.capacity = capacity;
        this.buffers = buffers;
        this.typeSize = typeSize;
        this.schemaBytes = schemaBytes;
        value = capacity > 112 ? 64 : 16;
        stride = value + capacity + 127 & -128;
        schema = BUFFERS + buffers * stride;
        end = schema + (schemaBytes + 7 & -8);
    }

    static CellLayout of(ChannelFile file) throws IOException {
        long capacity = file.geometry(0);
        long buffers = file.geometry(1);
        long typeSize = file.geometry(2);
        long schemaBytes = file.geometry(3);
        if (capacity < 1 || capacity > Memory.LARGEST) throw file.corrupt("no capacity");
        if (buffers < BUFFERS_MIN || buffers > BUFFERS_MAX)
            throw file.corrupt(buffers + " buffers");
        if (typeSize >>> 32 != 0) throw file.corrupt("a type of too many bytes");
        if (schemaBytes < 0 || schemaBytes > ChannelFile.SCHEMA_MAX)
            throw file.corrupt("a schema of " + schemaBytes + " bytes");
        return new CellLayout(capacity, (int) buffers, typeSize, (int) schemaBytes);
    }

    long buffer(int index) {
        return BUFFERS + index * stride;
    }

    int pins() {
        return buffers - 2;
    }

    static long pin(int index) {
        return PINS + 8L * index;
    }
}
