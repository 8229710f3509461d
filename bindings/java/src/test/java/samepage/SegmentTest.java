package samepage;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;

/** A bare segment has no bytes of Samepage's: any program maps its file, without our classes. */
class SegmentTest extends Scratch {
    private static final long COUNT = 2_000_000;
    private static final VarHandle WORDS =
            MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

    private static void addOneEach(ByteBuffer memory) {
        for (long i = 0; i < COUNT; i++) {
            long old;
            do {
                old = (long) WORDS.getVolatile(memory, 0);
            } while (!WORDS.compareAndSet(memory, 0, old, old + 1));
        }
    }

    private void countWithC(String name, Path file) throws Exception {
        try (Other peer = Other.peer(domain, "count", name, COUNT).expect("ready")) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ,
                    StandardOpenOption.WRITE)) {
                addOneEach(channel.map(FileChannel.MapMode.READ_WRITE, 0, 4096));
            }
            peer.expect("counted").tell("go on");
            assertEquals(2 * COUNT + "\n", peer.end());
        } finally {
            java.nio.file.Files.deleteIfExists(file);
        }
    }

    @Test
    void compareAndSetOnTheFileOfAFileSegmentCountsExactly() throws Exception {
        Path file = domain.resolve("count");
        countWithC("file:" + file, file);
    }

    @Test
    void compareAndSetOnTheFileOfAPosixSegmentCountsExactly() throws Exception {
        String name = "samepage-java-" + ProcessHandle.current().pid();
        countWithC("posix:/" + name, Path.of("/dev/shm", name));
    }
}
