package samepage;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * One wait by looking again and again: first without rest, then with rests that grow to a
 * millisecond. Java has no futex, so nobody can wake us.
 */
final class Waiting {
    private static final int SPINS = 200;
    private static final int RESTS_A_QUESTION = 16;
    private static final long FIRST_REST = 20_000;
    private static final long LONGEST_REST = 1_000_000;

    private final long timeout;
    private long start;
    private int spins;
    private int rests;
    private long rest = FIRST_REST;

    Waiting(Duration timeout) {
        this.timeout = nanos(timeout);
    }

    /** Pauses for a moment; false if the time, which begins with the first pause, is over. */
    boolean pause() throws InterruptedException {
        if (start == 0) start = System.nanoTime();
        if (spins < SPINS && timeout > 0) {
            spins++;
            Thread.onSpinWait();
            return true;
        }
        if (Thread.interrupted()) throw new InterruptedException();
        long left = timeout - (System.nanoTime() - start);
        if (left <= 0) return false;
        LockSupport.parkNanos(Math.min(rest, left));
        rest = Math.min(2 * rest, LONGEST_REST);
        return true;
    }

    /** Is it time to ask the kernel whether somebody has died? Now and then, once we rest long. */
    boolean isTimeToAsk() {
        return rest >= LONGEST_REST && ++rests % RESTS_A_QUESTION == 0;
    }

    private static long nanos(Duration timeout) {
        if (timeout.isNegative()) throw new IllegalArgumentException("a timeout below zero");
        if (timeout.getSeconds() >= Long.MAX_VALUE / 1_000_000_000) return Long.MAX_VALUE;
        return timeout.toNanos();
    }
}
