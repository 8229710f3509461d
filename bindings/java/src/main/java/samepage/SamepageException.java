package samepage;

import java.io.IOException;

/**
 * A failure that the file system does not know of. What it knows of comes as its own exceptions:
 * {@link java.nio.file.NoSuchFileException}, {@link java.nio.file.AccessDeniedException} and so on.
 */
public final class SamepageException extends IOException {
    private static final long serialVersionUID = 1;

    /** What kind of failure it is. */
    public enum Reason {
        /** The channel is of another type, or another kind of thing has its name. */
        TYPE,
        /** Made by another version of the layout, or on another kind of machine. */
        VERSION,
        /** The shared bytes are not what the layout allows. */
        CORRUPT,
        /** All places of what was wanted are taken by the living. */
        FULL,
        /** More bytes than there is room for. */
        TOO_BIG,
        /** The directory of the domain may not be trusted. */
        UNTRUSTED,
        /** A process that is stopped holds the domain's lock for five seconds. */
        BUSY
    }

    private final transient Reason reason;

    SamepageException(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    static SamepageException corrupt(String what) {
        return new SamepageException(Reason.CORRUPT, what + "; look with samepage check");
    }

    /** The kind of failure, for programs. */
    public Reason reason() {
        return reason;
    }
}
