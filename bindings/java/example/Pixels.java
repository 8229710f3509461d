import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import samepage.Message;
import samepage.Subscriber;

/**
 * Tells what passes on a topic: of each message its sequence, its bytes and their checksum (FNV-1a,
 * 64 bits, hexadecimal). Begins with the latest messages that are there, and writes nothing to the
 * topic. Usage: Pixels TOPIC [COUNT [SECONDS]]; by default one message, waiting at most 10 seconds.
 */
public final class Pixels {
    private static final long OFFSET_BASIS = 0xcbf29ce484222325L;
    private static final long PRIME = 0x100000001b3L;

    private Pixels() {
    }

    private static long checksum(ByteBuffer bytes) {
        long sum = OFFSET_BASIS;
        while (bytes.hasRemaining()) sum = (sum ^ bytes.get() & 0xff) * PRIME;
        return sum;
    }

    /** Prints one line a message: sequence, bytes, checksum. */
    public static void main(String[] arguments) throws Exception {
        int count = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1;
        Duration patience = Duration.ofSeconds(
                arguments.length > 2 ? Integer.parseInt(arguments[2]) : 10);
        try (Subscriber subscriber = Subscriber.options().readOnly().history(count)
                .timeout(patience).open(arguments[0])) {
            for (int i = 0; i < count; i++) {
                Message message = subscriber.receive(patience);
                System.out.printf("%d %d %016x%n", message.sequence(), message.size(),
                        checksum(message.data()));
            }
        } catch (TimeoutException none) {
            System.err.println("Pixels: " + none.getMessage());
            System.exit(1);
        }
    }
}
