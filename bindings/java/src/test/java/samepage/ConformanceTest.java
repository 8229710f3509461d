package samepage;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The same messages through every pair of C and Java: test/conformance/README.md. */
class ConformanceTest extends Scratch {
    private static final Path ALL_VECTORS = Path.of("../../test/conformance/vectors.txt");
    private static final int COUNT = 80;
    private static final Path PROGRAM = Path.of("conformance/Conformance.java");

    @TempDir
    Path work;

    /** The first ones do here; test/conformance/check takes them all. */
    @BeforeEach
    void chooseVectors() throws IOException {
        Files.write(work.resolve("vectors"), Files.readAllLines(ALL_VECTORS).subList(0, COUNT));
    }

    private Other start(String language, Object... words) throws IOException {
        List<Object> all = new java.util.ArrayList<>(List.of(words));
        all.add(2, work.resolve("vectors"));
        return language.equals("c") ? Other.conformance(domain, all.toArray())
                : Other.java(domain, PROGRAM.toString(), all.toArray());
    }

    /** Who goes on with `get` begins with what the cell holds then. */
    private void awaitVersion(long version) throws Exception {
        try (Cell cell = Cell.options().domain(domain).readOnly().open("c")) {
            cell.await(version - 1, java.time.Duration.ofSeconds(20));
        }
    }

    @ParameterizedTest
    @CsvSource({"c,java", "java,c", "java,java"})
    void aCellCarriesEveryValue(String setter, String getter) throws Exception {
        try (Other get = start(getter, "get", "c"); Other set = start(setter, "set", "c")) {
            assertEquals("set " + COUNT + "\n", set.end());
            assertEquals("got " + COUNT + "\n", get.end());
        }
        assertSound();
    }

    @ParameterizedTest
    @CsvSource({"c,java", "java,c"})
    void aCellGoesOnAfterItsReaderWasKilled(String setter, String getter) throws Exception {
        try (Other set = start(setter, "set", "c");
                Other killed = start(getter, "get", "c", "--die-after", 50)) {
            killed.endsWithin(20_000);
            awaitVersion(51);
            try (Other get = start(getter, "get", "c", "--from", 50)) {
                set.end();
                get.end();
            }
        }
        assertSound();
    }

    @ParameterizedTest
    @CsvSource({"c,java", "java,c"})
    void aCellGoesOnAfterItsWriterWasKilled(String setter, String getter) throws Exception {
        try (Other get = start(getter, "get", "c");
                Other killed = start(setter, "set", "c", "--die-after", 50)) {
            killed.endsWithin(20_000);
            try (Other set = start(setter, "set", "c", "--from", 50)) {
                set.end();
                get.end();
            }
        }
        assertSound();
    }

    @Test
    void aTopicOfCReachesJavaAndC() throws Exception {
        try (Other java = start("java", "subscribe", "t"); Other c = start("c", "subscribe", "t");
                Other publish = start("c", "publish", "t", "--readers", 2)) {
            assertEquals("published " + COUNT + "\n", publish.end());
            assertEquals("received " + COUNT + "\n", java.end());
            assertEquals("received " + COUNT + "\n", c.end());
        }
    }

    @Test
    void aTopicGoesOnAfterAPublisherOfCWasKilled() throws Exception {
        try (Other subscribe = start("java", "subscribe", "t");
                Other killed = start("c", "publish", "t", "--die-after", 50, "--readers", 1)) {
            killed.endsWithin(20_000);
            try (Other publish = start("c", "publish", "t", "--from", 50)) {
                publish.end();
                assertEquals("received " + COUNT + "\n", subscribe.end());
            }
        }
    }

    @Test
    void aTopicGoesOnAfterASubscriberOfJavaWasKilled() throws Exception {
        try (Other killed = start("java", "subscribe", "t", "--die-after", 50);
                Other c = start("c", "subscribe", "t");
                Other publish = start("c", "publish", "t", "--readers", 2)) {
            killed.endsWithin(20_000);
            assertEquals("published " + COUNT + "\n", publish.end());
            assertEquals("received " + COUNT + "\n", c.end());
        }
    }
}
