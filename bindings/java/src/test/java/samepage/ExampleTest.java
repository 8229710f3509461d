package samepage;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** The programs in example/. */
class ExampleTest extends Scratch {
    private static String checksum(byte[] bytes) {
        long sum = 0xcbf29ce484222325L;
        for (byte one : bytes) sum = (sum ^ one & 0xff) * 0x100000001b3L;
        return String.format("%016x", sum);
    }

    @Test
    void pixelsTellsSizeAndChecksumOfTheLatestMessages() throws Exception {
        try (Other keeper = Other.peer(domain, "loan", "t", 0, 0).expect("ready");
                Other peer = Other.peer(domain, "publish", "t", 0, 3, 10_000, 0)) {
            peer.end();
            byte[] last = new byte[10_000];
            for (int i = 0; i < last.length; i += 8) last[i] = 2;
            try (Other pixels = Other.java(domain, "example/Pixels.java", "t", 2)) {
                pixels.line();
                assertEquals("3 10000 " + checksum(last) + "\n", pixels.end());
            }
            keeper.kill();
        }
    }
}
