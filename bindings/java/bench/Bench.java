import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import samepage.Cell;
import samepage.Subscriber;

/**
 * What reading a cell and receiving a message cost, beside the same in C. Both take turns in short
 * rounds, on the same cell and the same messages; each figure is the median of its rounds, and
 * each ratio that of the rounds' ratios. Usage: Bench PROGRAM-OF-BENCH.C
 */
public final class Bench {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int WARM_UP = 400;
    private static final int ROUNDS = 401;
    private static final int COUNT = 8192;

    private final PrintWriter orders;
    private final BufferedReader answers;
    private long sum;
    private boolean isWarm;

    private Bench(Process other) {
        orders = new PrintWriter(other.outputWriter(), true);
        answers = other.inputReader();
    }

    /** Something of which a round does as many as it is told. */
    private interface Work {
        void run(int count) throws Exception;
    }

    private long order(String what) throws IOException {
        orders.println(what);
        String answer = answers.readLine();
        if (answer == null) throw new IOException("the C side has failed at: " + what);
        return Long.parseLong(answer);
    }

    private static long time(Work work) throws Exception {
        long start = System.nanoTime();
        work.run(COUNT);
        return System.nanoTime() - start;
    }

    private void readCell(Cell cell, byte[] target, int count) throws IOException {
        for (int i = 0; i < count; i++) {
            cell.read(target);
            sum += target[0];
        }
    }

    private void receive(Subscriber subscriber, int count) throws Exception {
        for (int i = 0; i < count; i++)
            sum += subscriber.receive(PATIENCE).data().getLong(0);
        subscriber.release();
    }

    /** Rounds in which one goes first as often as the other. */
    private void compare(String title, String before, String inC, Work inJava) throws Exception {
        List<Double> c = new ArrayList<>();
        List<Double> java = new ArrayList<>();
        List<Double> ratios = new ArrayList<>();
        for (int round = -WARM_UP; round < ROUNDS; round++) {
            order(before);
            boolean isFirst = round % 2 == 0;
            long first = isFirst ? time(inJava) : 0;
            long other = order(inC);
            long mine = isFirst ? first : time(inJava);
            if (round < 0) continue;
            c.add((double) other / COUNT);
            java.add((double) mine / COUNT);
            ratios.add((double) mine / other);
        }
        if (isWarm) System.out.printf("%-26s %8.1f %8.1f %8.2f%n", title, median(c),
                median(java), median(ratios));
    }

    private static double median(List<Double> values) {
        Collections.sort(values);
        return values.get(values.size() / 2);
    }

    private void run(int size) throws Exception {
        order("open " + size);
        try (Cell cell = Cell.open("bench");
                Cell looking = Cell.options().readOnly().open("bench");
                Subscriber subscriber = Subscriber.open("bench")) {
            byte[] target = new byte[size];
            order("write");
            compare("cell read, " + size, "write", "read " + COUNT,
                    count -> readCell(cell, target, count));
            compare("topic receive, " + size, "publish " + COUNT, "receive " + COUNT,
                    count -> receive(subscriber, count));
            compare("cell read-only, " + size, "write", "read " + COUNT,
                    count -> readCell(looking, target, count));
        }
        order("close");
    }

    /** Prints a table. */
    public static void main(String[] arguments) throws Exception {
        Process other = new ProcessBuilder(arguments[0])
                .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        Bench bench = new Bench(other);
        System.out.printf("%-26s %8s %8s %8s%n", "ns a call, bytes", "C", "Java", "ratio");
        bench.run(8); // the compiler's turn
        bench.isWarm = true;
        for (int size : new int[] {8, 40, 1024}) bench.run(size);
        bench.orders.close();
        if (other.waitFor() != 0 || bench.sum == 42) System.exit(1);
    }
}
