package samepage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;

/** Another process: of C (peer.c, the command), or of Java (Child). */
final class Other implements AutoCloseable {
    private static final int PATIENCE_SECONDS = 25;

    private final Process process;
    private final BufferedReader output;

    private Other(Path domain, List<String> command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("SAMEPAGE_DOMAIN", domain.toString());
        process = builder.start();
        output = process.inputReader();
    }

    /** A program that dev/check builds and names to us. */
    private static String program(String variable) {
        String path = System.getenv(variable);
        Assumptions.assumeTrue(path != null, variable + " names the program; run ./check");
        return path;
    }

    static Other peer(Path domain, Object... words) throws IOException {
        return start(domain, program("SAMEPAGE_PEER"), words);
    }

    static Other conformance(Path domain, Object... words) throws IOException {
        return start(domain, program("SAMEPAGE_CONFORMANCE"), words);
    }

    static Other java(Path domain, String main, Object... words) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp",
                System.getProperty("java.class.path"), main));
        for (Object word : words) command.add(word.toString());
        return new Other(domain, command);
    }

    private static Other start(Path domain, String program, Object... words) throws IOException {
        List<String> command = new ArrayList<>(List.of(program));
        for (Object word : words) command.add(word.toString());
        return new Other(domain, command);
    }

    /** What the command prints; it must succeed. */
    static String samepage(Path domain, Object... words) throws Exception {
        try (Other other = start(domain, program("SAMEPAGE_TOOL"), words)) {
            return other.end();
        }
    }

    /** Its next line. */
    String line() throws IOException {
        return output.readLine();
    }

    Other expect(String line) throws IOException {
        assertEquals(line, line());
        return this;
    }

    void tell(String line) throws IOException {
        process.getOutputStream().write((line + "\n").getBytes());
        process.getOutputStream().flush();
    }

    /** Waits until it ends well; the rest of what it says. */
    String end() throws Exception {
        assertTrue(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS), "it goes on and on");
        StringBuilder rest = new StringBuilder();
        for (String line = line(); line != null; line = line()) rest.append(line).append('\n');
        assertEquals(0, process.exitValue(), rest.toString());
        return rest.toString();
    }

    boolean endsWithin(long milliseconds) throws InterruptedException {
        return process.waitFor(milliseconds, TimeUnit.MILLISECONDS);
    }

    /** By SIGKILL. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    @Override
    public void close() throws InterruptedException {
        kill();
    }
}
