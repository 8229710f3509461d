import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import samepage.Cell;
import samepage.Message;
import samepage.Subscriber;

/** The conformance program for Java: test/conformance/README.md. */
public final class Conformance {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final int CELL_CAPACITY = 64 * 1024;
    private static final List<String> ROLES = List.of("subscribe", "set", "get");

    private final String name;
    private final List<byte[]> vectors = new ArrayList<>();
    private int from;
    private int dieAfter = -1;

    private Conformance(String[] arguments) throws IOException {
        name = arguments[1];
        for (String line : Files.readAllLines(Path.of(arguments[2]))) {
            String[] words = line.split(" ");
            vectors.add(message(Integer.parseInt(words[0]), Integer.parseInt(words[1])));
        }
        for (int i = 3; i + 1 < arguments.length; i += 2)
            take(arguments[i], Integer.parseInt(arguments[i + 1]));
    }

    private void take(String option, int value) {
        switch (option) {
            case "--from" -> from = value;
            case "--die-after" -> dieAfter = value;
            default -> throw new IllegalArgumentException("no such option: " + option);
        }
    }

    private static byte[] message(int size, int seed) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) bytes[i] = (byte) (seed + 7 * i + i / 256);
        return bytes;
    }

    private void check(int index, byte[] found) {
        byte[] wanted = vectors.get(index);
        int at = Arrays.mismatch(wanted, found);
        if (at < 0) return;
        throw new IllegalStateException("message " + index + ": " + found.length + " bytes, not "
                + wanted.length + ", or another byte at " + at);
    }

    /** Message `index` is next. */
    private void dieIfDue(int index) throws IOException, InterruptedException {
        if (index - from != dieAfter) return;
        long pid = ProcessHandle.current().pid();
        new ProcessBuilder("sh", "-c", "kill -9 " + pid).start(); // Java does not kill itself
        Thread.sleep(PATIENCE.toMillis());
    }

    private void subscribe() throws Exception {
        try (Subscriber subscriber = Subscriber.options().type("conformance", 0)
                .timeout(PATIENCE).open(name)) {
            for (int i = from; i < vectors.size(); i++) {
                dieIfDue(i);
                Message message = subscriber.receive(PATIENCE);
                if (message.lost() != 0) throw new IllegalStateException("lost before " + i);
                check(i, message.toByteArray());
                }
        }
        System.out.println("received " + (vectors.size() - from));
    }

    private void set() throws Exception {
        try (Cell cell = Cell.options().capacity(CELL_CAPACITY).open(name);
                Cell seen = Cell.options().capacity(4).open(name + ".seen")) {
            for (int i = from; i < vectors.size(); i++) {
                dieIfDue(i);
                cell.write(vectors.get(i), PATIENCE);
                awaitSeen(seen, i);
                }
        }
        System.out.println("set " + (vectors.size() - from));
    }

    private void awaitSeen(Cell seen, int index) throws Exception {
        byte[] bytes = new byte[4];
        while (seen.read(bytes) < 4 || number(bytes) != index + 1)
            seen.await(seen.version(), PATIENCE);
    }

    private static int number(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt();
    }

    private void get() throws Exception {
        ByteBuffer count = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
        try (Cell cell = Cell.options().capacity(CELL_CAPACITY).open(name);
                Cell seen = Cell.options().capacity(4).open(name + ".seen")) {
            for (int i = from; i < vectors.size(); i++) {
                dieIfDue(i);
                cell.await(i, PATIENCE); // versions count from 1
                check(i, cell.read());
                seen.write(count.putInt(0, i + 1).clear(), PATIENCE);
                }
        }
        System.out.println("got " + (vectors.size() - from));
    }

    private static void run(String[] arguments) throws Exception {
        if (arguments.length == 1 && arguments[0].equals("roles")) {
            ROLES.forEach(System.out::println);
            return;
        }
        if (arguments.length < 3) throw new IllegalArgumentException("ROLE NAME VECTORS");
        Conformance conformance = new Conformance(arguments);
        switch (arguments[0]) {
            case "subscribe" -> conformance.subscribe();
            case "set" -> conformance.set();
            case "get" -> conformance.get();
            default -> throw new IllegalArgumentException("no such role: " + arguments[0]);
        }
    }

    /** Runs one role; says what went wrong, and ends with 1 then. */
    public static void main(String[] arguments) {
        try {
            run(arguments);
        } catch (Exception failure) {
            System.err.println("Conformance: " + failure);
            System.exit(1);
        }
    }
}
