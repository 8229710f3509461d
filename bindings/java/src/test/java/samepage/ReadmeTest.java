package samepage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program of README.md does what is written below it. */
class ReadmeTest extends Scratch {
    private static String block(String readme, String language) {
        int from = readme.indexOf("```" + language + "\n") + language.length() + 4;
        return readme.substring(from, readme.indexOf("```", from));
    }

    @Test
    void theProgramOfTheReadmeSaysWhatTheReadmeSays(@TempDir Path work) throws Exception {
        String readme = Files.readString(Path.of("README.md"));
        Path source = work.resolve("Counter.java");
        Files.writeString(source, block(readme, "java"));
        String classes = System.getProperty("java.class.path");
        int result = ToolProvider.getSystemJavaCompiler().run(null, null, null, "-Xlint:all",
                "-proc:none", "-cp", classes, source.toString());
        assertEquals(0, result);
        for (int i = 1; i <= 3; i++) assertEquals(i + "\n", run(source));
        assertEquals("3\n", Other.samepage(domain, "get", "counter"));
        assertTrue(readme.contains("samepage get counter"));
    }

    private String run(Path source) throws Exception {
        try (Other other = Other.java(domain, source.toString())) {
            return other.end();
        }
    }
}
