package samepage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;

class NodeTest extends Scratch {
    private String alive(long node) throws Exception {
        try (Other other = Other.peer(domain, "alive", node)) {
            return other.end().trim();
        }
    }

    @Test
    void aDomainMadeHereIsSoundAndItsFirstNodeIs4096() throws Exception {
        Domain entered = Domain.enter(domain, true);
        assertEquals(4096, entered.node());
        assertSound();
        entered.leave();
        assertSound();
    }

    @Test
    void cSeesOurNodeAliveAndWhenItHasLeftDead() throws Exception {
        Domain entered = Domain.enter(domain, true);
        long node = entered.node();
        assertEquals("1", alive(node));
        entered.leave();
        assertEquals("0", alive(node));
    }

    @Test
    void cSeesAKilledNodeOfJavaDead() throws Exception {
        try (Other child = Other.java(domain, "samepage.Child", "join")) {
            long node = Long.parseLong(child.line());
            child.expect("ready");
            assertEquals("1", alive(node));
            child.kill();
            assertEquals("0", alive(node));
        }
    }

    @Test
    void weSeeAKilledNodeOfJavaDeadAndTakeItsPlace() throws Exception {
        try (Other child = Other.java(domain, "samepage.Child", "join")) {
            long node = Long.parseLong(child.line());
            child.expect("ready");
            Domain looking = Domain.enter(domain, false);
            assertTrue(looking.isAlive(node));
            child.kill();
            assertFalse(looking.isAlive(node));
            Domain entered = Domain.enter(domain, true);
            assertEquals(node + 4096, entered.node());
            assertSound();
            entered.leave();
            looking.leave();
        }
    }

    @Test
    void weSeeANodeOfCAliveAndWhenKilledDead() throws Exception {
        try (Other peer = Other.peer(domain, "hold-cell", "c")) {
            peer.expect("ready");
            Domain entered = Domain.enter(domain, true);
            long node;
            try (ChannelFile file = ChannelFile.open(entered, "c", ".cell", Header.CELL, false)) {
                Memory memory = file.map(CellLayout.of(file).end, false);
                node = memory.getAcquire(CellLayout.WRITERS) >>> 4;
            }
            assertNotEquals(entered.node(), node);
            assertTrue(entered.isAlive(node));
            peer.kill();
            assertFalse(entered.isAlive(node));
            entered.leave();
        }
    }

    @Test
    void theNodeLivesAsLongAsOneHandleIsOpen() throws Exception {
        Domain entered = Domain.enter(domain, true);
        long node = entered.node();
        for (int i = 0; i < 3; i++) {
            Cell.options().domain(domain).capacity(8).open("c").close();
            Cell.options().domain(domain).readOnly().open("c").close();
            Domain.enter(domain.resolve("../" + domain.getFileName()), false).leave();
        }
        assertEquals("1", alive(node));
        entered.leave();
    }

    @Test
    void anInterruptDoesNotEndTheNode() throws Exception {
        Domain entered = Domain.enter(domain, true);
        Thread.currentThread().interrupt();
        try {
            Cell.options().domain(domain).capacity(8).open("c").close();
        } catch (java.nio.channels.ClosedByInterruptException refused) {
            assertTrue(Thread.interrupted());
        }
        Thread.interrupted();
        assertEquals("1", alive(entered.node()));
        Cell.options().domain(domain).capacity(8).open("c").close();
        entered.leave();
    }

    @Test
    void aDirectoryThatOthersMayWriteToIsRefused() throws Exception {
        Files.setPosixFilePermissions(domain, PosixFilePermissions.fromString("rwxrwxrwx"));
        SamepageException failure = assertThrows(SamepageException.class,
                () -> Cell.options().domain(domain).capacity(8).open("c"));
        assertEquals(SamepageException.Reason.UNTRUSTED, failure.reason());
    }

    @Test
    void whoOnlyLooksMakesNothing() throws Exception {
        assertThrows(NoSuchFileException.class,
                () -> Cell.options().domain(domain).readOnly().open("c"));
        assertTrue(names().isEmpty());
    }

    @Test
    void theDomainsLockIsHeldAgainstC() throws Exception {
        Domain entered = Domain.enter(domain, true);
        Cell.options().domain(domain).capacity(8).open("c").close();
        try (Other peer = entered.locked(() -> {
            Other other = Other.peer(domain, "write-cell", "d", 1, 1);
            try {
                assertFalse(other.endsWithin(300), "it did not wait for the domain's lock");
            } catch (InterruptedException interrupted) {
                throw new java.io.IOException(interrupted);
            }
            return other;
        })) {
            peer.end();
        }
        entered.leave();
    }
}
