package samepage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** What is to be known of this process and its machine, as the kernel shows it in files. */
final class Machine {
    private static final long AT_PAGESZ = 6;

    private Machine() {
    }

    static long pageSize() throws IOException {
        ByteBuffer vector = ByteBuffer.wrap(Files.readAllBytes(Path.of("/proc/self/auxv")));
        vector.order(ByteOrder.nativeOrder());
        while (vector.remaining() >= 16) {
            long key = vector.getLong();
            long value = vector.getLong();
            if (key == AT_PAGESZ) return value;
        }
        throw new IOException("/proc/self/auxv does not tell the size of a page");
    }

    static int user() throws IOException {
        return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    }

    static long pidNamespace() {
        try {
            return (Long) Files.getAttribute(Path.of("/proc/self/ns/pid"), "unix:ino");
        } catch (IOException unknown) {
            return 0;
        }
    }

    static long nanosSince1970() {
        java.time.Instant now = java.time.Instant.now();
        return now.getEpochSecond() * 1_000_000_000 + now.getNano();
    }
}
