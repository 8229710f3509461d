package samepage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** A domain of each test's own, which is gone after it. */
@Timeout(60)
abstract class Scratch {
    Path domain;

    @BeforeEach
    void makeDomain() throws IOException {
        domain = Files.createTempDirectory(Path.of("/dev/shm"), "samepage-java-");
    }

    @AfterEach
    void removeDomain() throws IOException {
        for (String name : names()) Files.delete(domain.resolve(name));
        Files.delete(domain);
    }

    List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(domain)) {
            return files.map(file -> file.getFileName().toString()).collect(Collectors.toList());
        }
    }

    void assertSound() throws Exception {
        Other.samepage(domain, "check");
    }
}
