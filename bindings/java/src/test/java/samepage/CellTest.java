package samepage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class CellTest extends Scratch {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private Cell open() throws IOException {
        return Cell.options().domain(domain).capacity(4096).type("bytes", 0).open("c");
    }

    private Cell look() throws IOException {
        return Cell.options().domain(domain).readOnly().open("c");
    }

    private void give(String value) throws Exception {
        try (Cell cell = open()) {
            cell.write(bytes(value), PATIENCE);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void assertReason(SamepageException.Reason reason, Executable action) {
        assertEquals(reason, assertThrows(SamepageException.class, action).reason());
    }

    @Test
    void aCellMadeHereHasNoValueYetAndIsSound() throws Exception {
        try (Cell cell = open()) {
            assertEquals(-1, cell.read(new byte[8]));
            assertNull(cell.read());
            assertEquals(0, cell.version());
            assertSound();
        }
    }

    @Test
    void whatIsWrittenIsReadWithTheNextVersion() throws Exception {
        try (Cell cell = open(); Cell looking = look()) {
            for (int i = 1; i <= 100; i++) {
                cell.write(bytes("value " + i), Duration.ZERO);
                assertArrayEquals(bytes("value " + i), looking.read());
                assertEquals(i, looking.version());
            }
            cell.write(ByteBuffer.wrap(bytes("xyz"), 1, 1), Duration.ZERO);
            assertArrayEquals(bytes("y"), cell.read());
            cell.write(new byte[0], Duration.ZERO);
            assertEquals(0, cell.read(new byte[0]));
            assertSound();
        }
    }

    @Test
    void aLoanIsSeenWhenItIsPublishedAndNotWhenDiscarded() throws Exception {
        try (Cell cell = open()) {
            cell.write(bytes("before"), Duration.ZERO);
            cell.loan(Duration.ZERO).put(bytes("never"));
            cell.discard();
            assertArrayEquals(bytes("before"), cell.read());
            cell.loan(Duration.ZERO).put(bytes("after"));
            assertArrayEquals(bytes("before"), cell.read());
            cell.publish(5);
            assertArrayEquals(bytes("after"), cell.read());
            assertThrows(IllegalStateException.class, () -> cell.publish(5));
        }
    }

    @Test
    void oneHandleWaitsForTheLoanOfAnother() throws Exception {
        try (Cell cell = open(); Cell other = open()) {
            cell.loan(Duration.ZERO);
            assertThrows(TimeoutException.class,
                    () -> other.write(bytes("x"), Duration.ofMillis(30)));
            cell.discard();
            other.write(bytes("x"), Duration.ZERO);
        }
    }

    @Test
    void cReadsWhatWeWriteAndWeReadWhatCWrites() throws Exception {
        try (Cell cell = open()) {
            cell.write(bytes("from Java"), PATIENCE);
            assertEquals("from Java\n", Other.samepage(domain, "get", "c"));
            Other.samepage(domain, "set", "c", "from C");
            assertArrayEquals(bytes("from C"), cell.read());
            assertEquals(2, cell.version());
        }
    }

    @Test
    void typeAndSchemaAreSeenFromBothSides() throws Exception {
        Cell.options().domain(domain).capacity(8).type("ours", 8).schema("a number").open("mine")
                .close();
        String told = Other.samepage(domain, "stat", "cell:mine");
        assertTrue(told.contains("ours"), told);
        try (Other peer = Other.peer(domain, "write-cell", "c", 1, 100)) {
            peer.end();
        }
        try (Cell cell = look()) {
            assertEquals("bytes", cell.type());
            assertEquals("one byte, again and again", cell.schema());
            assertEquals(4096, cell.capacity());
        }
        assertSound();
    }

    @Test
    void aReaderNeverSeesATornValueOfC() throws Exception {
        try (Cell cell = open(); Cell looking = look();
                Other peer = Other.peer(domain, "write-cell", "c", 0, 4000)) {
            peer.expect("ready");
            cell.await(0, PATIENCE);
            byte[] value = new byte[4096];
            for (int i = 0; i < 50_000; i++) {
                int size = readInTheEnd(i % 2 == 0 ? cell : looking, value);
                assertEquals(4000, size);
                for (int k = 1; k < size; k++) if (value[k] != value[0]) throw torn(k);
            }
            assertTrue(cell.version() > 1000);
        }
    }

    /** Who only looks holds no value, so a writer that never rests may overtake every copy. */
    private static int readInTheEnd(Cell cell, byte[] value) throws IOException {
        for (int i = 0; ; i++) {
            try {
                return cell.read(value);
            } catch (SamepageException e) {
                if (e.reason() != SamepageException.Reason.FULL || i == 1000) throw e;
            }
        }
    }

    private static AssertionError torn(int at) {
        return new AssertionError("a torn value, at byte " + at);
    }

    @Test
    void cNeverSeesATornValueOfOurs() throws Exception {
        byte[] value = new byte[3000];
        try (Cell cell = open(); Other peer = Other.peer(domain, "read-cell", "c", 200_000)) {
            peer.expect("ready");
            for (int i = 0; !peer.endsWithin(0); i++) {
                java.util.Arrays.fill(value, (byte) i);
                for (int k = 0; k < 1000; k++) cell.write(value, PATIENCE);
            }
            peer.expect("read").end();
        }
    }

    @Test
    void writersOfBothLanguagesCountOn() throws Exception {
        try (Cell cell = open(); Other peer = Other.peer(domain, "write-cell", "c", 20_000, 50)) {
            peer.expect("ready");
            for (int i = 0; i < 20_000; i++) cell.write(new byte[50], PATIENCE);
            peer.expect("written").end();
            cell.read();
            assertEquals(40_000, cell.version());
            assertSound();
        }
    }

    @Test
    void aKilledWriterOfCLeavesTheValueAndIsFollowed() throws Exception {
        give("whole");
        try (Cell cell = open(); Other peer = Other.peer(domain, "hold-cell", "c")) {
            peer.expect("ready");
            assertThrows(TimeoutException.class,
                    () -> cell.write(bytes("x"), Duration.ofMillis(100)));
            peer.kill();
            assertArrayEquals(bytes("whole"), cell.read());
            cell.write(bytes("next"), Duration.ofSeconds(2));
            assertArrayEquals(bytes("next"), cell.read());
            assertSound();
        }
    }

    @Test
    void aKilledWriterOfJavaLeavesTheValueAndIsFollowedByC() throws Exception {
        give("whole");
        try (Cell cell = open();
                Other child = Other.java(domain, "samepage.Child", "hold-cell", "c")) {
            child.expect("ready").kill();
            assertEquals("whole\n", Other.samepage(domain, "get", "c"));
            Other.samepage(domain, "set", "c", "next", "--wait", "2s");
            assertArrayEquals(bytes("next"), cell.read());
            assertSound();
        }
    }

    @Test
    void aPinnedValueIsNotOverwritten() throws Exception {
        try (Cell cell = open()) {
            cell.write(bytes("pinned"), PATIENCE);
            look((entered, layout, memory) -> {
                CellPins pins = new CellPins(entered, layout, memory);
                assertTrue(pins.take());
                try (Other peer = Other.peer(domain, "write-cell", "c", 1000, 4000)) {
                    peer.end();
                }
                for (int i = 0; i < 100; i++) cell.write(bytes("another value"), PATIENCE);
                byte[] value = new byte[6];
                memory.get(layout.buffer(pins.buffer()) + layout.value, value, 0, 6);
                assertArrayEquals(bytes("pinned"), value);
                pins.give();
            });
        }
    }

    /** What stands in the shared bytes of the cell. */
    private interface Look {
        void at(Domain entered, CellLayout layout, Memory memory) throws Exception;
    }

    private void look(Look look) throws Exception {
        Domain entered = Domain.enter(domain, true);
        try (ChannelFile file = ChannelFile.open(entered, "c", ".cell", Header.CELL, false)) {
            CellLayout layout = CellLayout.of(file);
            look.at(entered, layout, file.map(layout.end, false));
        } finally {
            entered.leave();
        }
    }

    @Test
    void aWriterGrantsTheWishForTheLatestValueBeforeItWrites() throws Exception {
        try (Cell cell = open()) {
            cell.write(bytes("latest"), PATIENCE);
            look((entered, layout, memory) -> {
                long latest = memory.getVolatile(CellLayout.LATEST) & 0xff;
                memory.setVolatile(CellLayout.pin(1), entered.node() << 8 | 255);
                for (int i = 0; i < 10; i++) cell.write(bytes("x"), PATIENCE);
                assertEquals(entered.node() << 8 | latest + 1,
                        memory.getVolatile(CellLayout.pin(1)));
                assertEquals(1, memory.getVolatile(layout.buffer((int) latest)));
                memory.setVolatile(CellLayout.pin(1), 0);
            });
        }
    }

    @Test
    void aBufferThatIsBeingWrittenHasNoStamp() throws Exception {
        try (Cell cell = open()) {
            for (int i = 0; i < 10; i++) cell.write(bytes("x"), PATIENCE);
            look((entered, layout, memory) -> {
                assertEquals(0, unstamped(layout, memory));
                cell.loan(PATIENCE);
                assertEquals(1, unstamped(layout, memory));
            });
        }
    }

    private static int unstamped(CellLayout layout, Memory memory) {
        int count = 0;
        for (int i = 0; i < layout.buffers; i++)
            if (memory.getVolatile(layout.buffer(i)) == 0) count++;
        return count;
    }

    @Test
    void thePinOfADeadReaderIsTaken() throws Exception {
        try (Cell cell = Cell.options().domain(domain).capacity(8).buffers(3).open("c")) {
            cell.write(bytes("v"), PATIENCE);
            try (Other pinner = Other.java(domain, "samepage.Child", "pin", "c")) {
                pinner.expect("ready");
                look((entered, layout, memory) -> {
                    CellPins pins = new CellPins(entered, layout, memory);
                    assertFalse(pins.take());
                    pinner.kill();
                    assertTrue(pins.take());
                    pins.give();
                });
            }
            assertSound();
        }
    }

    @Test
    void awaitingEndsWithTheNextValueOrTheTime() throws Exception {
        try (Cell cell = open()) {
            assertThrows(TimeoutException.class, () -> cell.await(0, Duration.ofMillis(20)));
            assertThrows(TimeoutException.class, () -> cell.await(0, Duration.ZERO));
            try (Other peer = Other.peer(domain, "write-cell", "c", 5, 10)) {
                cell.await(4, PATIENCE);
                peer.end();
            }
            assertArrayEquals(new byte[] {4, 4, 4, 4, 4, 4, 4, 4, 4, 4}, cell.read());
        }
    }

    @Test
    void whatDoesNotFitIsRefused() throws Exception {
        try (Cell cell = open()) {
            cell.write(new byte[100], PATIENCE);
            assertReason(SamepageException.Reason.TOO_BIG, () -> cell.read(new byte[99]));
            assertReason(SamepageException.Reason.TOO_BIG,
                    () -> cell.write(new byte[4097], PATIENCE));
            assertReason(SamepageException.Reason.TOO_BIG,
                    () -> Cell.options().domain(domain).capacity(5000).open("c"));
            assertReason(SamepageException.Reason.TYPE,
                    () -> Cell.options().domain(domain).type("another", 0).open("c"));
        }
    }

    @Test
    void whatIsNotThereOrIsClosedSaysSo() throws Exception {
        assertThrows(NoSuchFileException.class, () -> Cell.options().domain(domain).open("c"));
        Cell cell = open();
        cell.close();
        cell.close();
        assertThrows(IllegalStateException.class, () -> cell.read());
        Cell.unlink(domain, "c");
        assertThrows(NoSuchFileException.class, () -> Cell.unlink(domain, "c"));
    }

    @Test
    void whoOnlyReadsCannotWrite() throws Exception {
        open().close();
        try (Cell cell = look()) {
            assertThrows(IllegalStateException.class, () -> cell.write(bytes("x"), PATIENCE));
        }
    }

    @Test
    void namesAreThoseOfTheLayout() throws Exception {
        Cell.options().domain(domain).capacity(8).open("a/b-c_d.é").close();
        assertTrue(names().contains("a%2Fb-c_d.é.cell"));
        for (String name : new String[] {"", ".a", "/a", "a b", "a%b", "x".repeat(201)})
            assertThrows(IllegalArgumentException.class,
                    () -> Cell.options().domain(domain).capacity(8).open(name), name);
    }

    private void damage(long at, int value) throws IOException {
        File named = domain.resolve("c.cell").toFile();
        try (RandomAccessFile file = new RandomAccessFile(named, "rw")) {
            file.seek(at);
            file.write(value);
        }
    }

    private void assertRefused(SamepageException.Reason reason, long at, int value)
            throws IOException {
        open().close();
        damage(at, value);
        assertReason(reason, () -> look().close());
        Cell.unlink(domain, "c");
    }

    @Test
    void aDamagedHeadIsRefused() throws Exception {
        assertRefused(SamepageException.Reason.TYPE, 0, 'x');
        assertRefused(SamepageException.Reason.CORRUPT, 8, 0x55);
        assertRefused(SamepageException.Reason.VERSION, 12, 2);
        assertRefused(SamepageException.Reason.TYPE, 16, 4);
        assertRefused(SamepageException.Reason.VERSION, 20, 1);
        assertRefused(SamepageException.Reason.VERSION, 25, 0x40);
        assertRefused(SamepageException.Reason.CORRUPT, 33, 0xff);
        assertRefused(SamepageException.Reason.CORRUPT, 40, 0x55);
        assertRefused(SamepageException.Reason.CORRUPT, 72, 2);
        assertRefused(SamepageException.Reason.CORRUPT, 65, 0x80);
    }

    @Test
    void aDamagedValueIsRefused() throws Exception {
        try (Cell cell = open()) {
            cell.write(bytes("x"), PATIENCE);
            damage(CellLayout.LATEST + 1, 7);
            assertReason(SamepageException.Reason.CORRUPT, () -> cell.read());
            damage(CellLayout.LATEST, 200);
            assertReason(SamepageException.Reason.CORRUPT, () -> cell.read());
        }
    }
}
