/* scenes_stream.c: bytes come once and in order, all that was committed comes before the end or the
 * death is told, and who waits, for bytes or for room, is woken.
 *
 * The writer's bytes are pieces of four words, made of their number. The ring has one page; before
 * the first piece goes half of one, so that every 128th lies across the ring's end. In the end all
 * are dead, and the judge finds what nobody read, or may begin the next conversation. */
#include <samepage/samepage.h>

#include "machine.h"

/* The library copies 8 to 16 bytes by moves that the machine does not see: pieces are larger. */
enum { WORDS = 4, PIECE = WORDS * 8, LEAD = PIECE / 2, AT_THE_END = PAGE / PIECE - 1, MANY = 16 };

static struct notes {
    spg_stream *stream[PROCESSES];
    uint64_t tried, written, read; /* pieces, by number */
    bool has_ended;
} * notes;

static const char stream_name[] = "s";

/* ---- opening --------------------------------------------------------------------------------- */

static int open_end(int who, int end) {
    spg_stream_options options = SPG_STREAM_OPTIONS;
    options.capacity = PAGE;
    return spg_stream_open(&notes->stream[who], NULL, stream_name, end, &options);
}

static void open_node(int who) {
    uint64_t id;
    CHECK_OK(spg_node_id(NULL, &id));
    if (who == 0) notes = scene_memory(sizeof *notes);
}

static void fill(uint64_t *piece, uint64_t number) {
    for (uint64_t i = 0; i < WORDS; i++)
        plain_store(&piece[i], (number + 1) * UINT64_C(0x100000001) + i * 0x1001);
}

static void check_piece(const uint64_t *piece) {
    CHECK(notes->read < notes->tried);
    for (uint64_t i = 0; i < WORDS; i++)
        CHECK(plain_load(&piece[i]) == (notes->read + 1) * UINT64_C(0x100000001) + i * 0x1001);
}

/* Half a piece, and so many whole ones. */
static void write_before(uint64_t pieces) {
    void *room;
    CHECK_OK(spg_stream_reserve(notes->stream[0], LEAD, &room, SPG_NOWAIT));
    CHECK_OK(spg_stream_commit(notes->stream[0], LEAD));
    for (; notes->tried < pieces; notes->tried++) {
        CHECK_OK(spg_stream_reserve(notes->stream[0], PIECE, &room, SPG_NOWAIT));
        fill(room, notes->tried);
        CHECK_OK(spg_stream_commit(notes->stream[0], PIECE));
    }
    notes->written = notes->tried;
}

static void read_before(uint64_t pieces) {
    const void *bytes;
    CHECK(spg_stream_peek(notes->stream[1], &bytes, SPG_NOWAIT) > 0);
    CHECK_OK(spg_stream_consume(notes->stream[1], LEAD + pieces * PIECE));
    notes->read = pieces;
}

static void open_both(int who, uint64_t written, uint64_t read) {
    open_node(who);
    if (who == 0) {
        CHECK_OK(open_end(who, SPG_STREAM_WRITER));
        write_before(written);
    } else if (who == 1) {
        CHECK_OK(open_end(who, SPG_STREAM_READER));
        read_before(read);
    }
}

/* Nothing is there to read; the second piece lies across the end. */
static void open_empty(int who) {
    open_both(who, AT_THE_END - 1, AT_THE_END - 1);
}
/* There is room for one piece, which lies across the end. */
static void open_full(int who) {
    open_both(who, AT_THE_END, 0);
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool has_written(int result, int good) {
    if (result == SPG_EPEERDEAD) CHECK(has_died(1));
    else CHECK(result == good);
    if (result != good) return false;
    notes->written++;
    return true;
}

static bool write_piece(int who) {
    uint64_t piece[WORDS];
    int64_t began = virtual_time;
    fill(piece, notes->tried++);
    int result = spg_stream_write(notes->stream[who], piece, PIECE, PATIENCE);
    CHECK_WOKEN(result != PIECE, began);
    return has_written(result, PIECE);
}

static bool write_in_place(int who) {
    void *room;
    int64_t began = virtual_time;
    int result = spg_stream_reserve(notes->stream[who], PIECE, &room, PATIENCE);
    CHECK_WOKEN(result, began);
    if (result != 0) return has_written(result, 0);
    fill(room, notes->tried++);
    return has_written(spg_stream_commit(notes->stream[who], PIECE), 0);
}

static bool write_polling(int who) {
    uint64_t piece[WORDS];
    int result, readable = spg_stream_fd(notes->stream[who]);
    int64_t began = virtual_time;
    CHECK(readable >= 0);
    fill(piece, notes->tried++);
    while ((result = spg_stream_write(notes->stream[who], piece, PIECE, SPG_NOWAIT)) ==
           SPG_EAGAIN) {
        CHECK(virtual_time - began < PATIENCE);
        poll_bell(readable, PATIENCE);
    }
    return has_written(result, PIECE);
}

static void end(int who) {
    notes->has_ended = true;
    CHECK_OK(spg_stream_end(notes->stream[who]));
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Of a read or a peek: a piece is there; or the end or a death, and nothing is missing. For one who
 * died before he came is waited in vain. */
static bool has_piece(int result) {
    if (result > 0) return true;
    if (result == SPG_ETIMEDOUT && has_died(0) && notes->tried == 0) return false;
    if (result == 0) CHECK(notes->has_ended);
    else CHECK(result == SPG_EPEERDEAD && deaths() > 0);
    CHECK(notes->read >= notes->written);
    return false;
}

static bool read_piece(int who) {
    uint64_t piece[WORDS];
    int64_t began = virtual_time;
    int result = spg_stream_read(notes->stream[who], piece, PIECE, PATIENCE);
    CHECK_WOKEN(result < 0, began);
    if (!has_piece(result)) return false;
    CHECK(result == PIECE);
    check_piece(piece);
    notes->read++;
    return true;
}

static bool read_in_place(int who) {
    const void *bytes;
    int64_t began = virtual_time;
    int result = spg_stream_peek(notes->stream[who], &bytes, PATIENCE);
    CHECK_WOKEN(result < 0, began);
    if (!has_piece(result)) return false;
    CHECK(result % PIECE == 0);
    check_piece(bytes);
    CHECK_OK(spg_stream_consume(notes->stream[who], PIECE));
    notes->read++;
    return true;
}

static bool read_polling(int who) {
    uint64_t piece[WORDS];
    int result, readable = spg_stream_fd(notes->stream[who]);
    int64_t began = virtual_time;
    CHECK(readable >= 0);
    while ((result = spg_stream_read(notes->stream[who], piece, PIECE, SPG_NOWAIT)) ==
           SPG_EAGAIN) {
        CHECK(virtual_time - began < PATIENCE);
        poll_bell(readable, PATIENCE);
    }
    if (!has_piece(result)) return false;
    check_piece(piece);
    notes->read++;
    return true;
}

/* ---- judging --------------------------------------------------------------------------------- */

/* What nobody came for is there, and nothing else. */
static void read_what_is_left(void) {
    uint64_t piece[WORDS];
    int result;
    CHECK_OK(open_end(JUDGE, SPG_STREAM_READER));
    while ((result = spg_stream_read(notes->stream[JUDGE], piece, PIECE, SPG_NOWAIT)) > 0) {
        check_piece(piece);
        notes->read++;
    }
    if (result == 0) CHECK(notes->has_ended && notes->read == notes->written);
    else CHECK(result == SPG_EPEERDEAD || result == SPG_EAGAIN);
    CHECK_OK(spg_stream_close(notes->stream[JUDGE]));
}

static void judge_stream(void) {
    uint64_t piece[WORDS];
    everybody_dies();
    CHECK(notes->read <= notes->tried);
    read_what_is_left();
    CHECK_OK(open_end(JUDGE, SPG_STREAM_WRITER));
    spg_stream *writer = notes->stream[JUDGE];
    CHECK_OK(open_end(JUDGE, SPG_STREAM_READER));
    fill(piece, notes->read);
    CHECK(spg_stream_write(writer, piece, PIECE, SPG_NOWAIT) == PIECE);
    notes->tried = notes->read + 1;
    CHECK(spg_stream_read(notes->stream[JUDGE], piece, PIECE, SPG_NOWAIT) == PIECE);
    check_piece(piece);
    CHECK_OK(spg_stream_close(writer));
    CHECK_OK(spg_stream_close(notes->stream[JUDGE]));
    CHECK(spg_stream_unlink(NULL, stream_name) == SPG_ENOENT);
}

/* ---- the scenes ------------------------------------------------------------------------------ */

#define STREAM(id, name, participants, mortal, deaths, weak, open, act)                            \
    static const struct scene id = {name, participants, mortal, deaths,                            \
                                    weak, open,         act,    judge_stream};

enum { PIECES = 3 };

static void write_and_read(int who) {
    if (who == 1) {
        while (read_piece(who)) {}
        return;
    }
    for (int i = 0; i < PIECES; i++) {
        if (!write_piece(who)) return;
    }
    end(who);
}
STREAM(plain, "stream", 2, 3, 1, false, open_empty, write_and_read)
STREAM(plain_weak, "stream-weak", 2, 3, 1, true, open_empty, write_and_read)

/* The reader has had enough after two; the writer has one piece too many. */
static void wait_for_room(int who) {
    if (who == 1) {
        if (read_piece(who) && read_piece(who)) CHECK_OK(spg_stream_close(notes->stream[who]));
        return;
    }
    for (int i = 0; i < PIECES; i++) {
        if (!write_piece(who)) return;
    }
    uint64_t piece[WORDS] = {0};
    int result = spg_stream_write(notes->stream[who], piece, PIECE, PATIENCE);
    CHECK(result == SPG_ECLOSED || (result == SPG_EPEERDEAD && has_died(1)));
}
STREAM(room, "stream-room", 2, 3, 1, false, open_full, wait_for_room)
STREAM(room_weak, "stream-room-weak", 2, 3, 1, true, open_full, wait_for_room)

static void use_in_place(int who) {
    if (who == 1) {
        for (int i = 0; i < PIECES && read_in_place(who); i++) {}
        return;
    }
    for (int i = 0; i < PIECES; i++) {
        if (!write_in_place(who)) return;
    }
}
STREAM(place, "stream-in-place", 2, 3, 1, false, open_full, use_in_place)
STREAM(place_weak, "stream-in-place-weak", 2, 3, 1, true, open_full, use_in_place)

static void open_polled(int who) {
    open_full(who);
    if (who < 2) CHECK(spg_stream_fd(notes->stream[who]) >= 0);
}
static void open_empty_polled(int who) {
    open_empty(who);
    if (who < 2) CHECK(spg_stream_fd(notes->stream[who]) >= 0);
}
static void poll_both(int who) {
    if (who == 1) {
        while (read_polling(who)) {}
        return;
    }
    for (int i = 0; i < 2; i++) {
        if (!write_polling(who)) return;
    }
    end(who);
}
STREAM(polled, "stream-poll", 2, 3, 1, false, open_empty_polled, poll_both)
STREAM(polled_weak, "stream-poll-weak", 2, 0, 0, true, open_empty_polled, poll_both)

/* Until the ring has been full; then a few are read. */
static void poll_for_room(int who) {
    for (int i = 0; i < 2; i++) {
        if (who == 0 ? !write_polling(who) : !read_piece(who)) return;
    }
}
STREAM(polled_room, "stream-poll-room", 2, 3, 1, false, open_polled, poll_for_room)

/* ---- coming and going ------------------------------------------------------------------------ */

static void open_late(int who) {
    open_node(who);
}

/* Whoever comes first makes it; nobody waits for one who died before he came. */
static void come_and_go(int who) {
    CHECK_OK(open_end(who, who == 0 ? SPG_STREAM_WRITER : SPG_STREAM_READER));
    if (who == 0) {
        for (int i = 0; i < 2; i++) {
            if (!write_piece(who)) return;
        }
        notes->has_ended = true;
    } else {
        while (read_piece(who)) {}
    }
    CHECK_OK(spg_stream_close(notes->stream[who]));
}
STREAM(coming, "stream-come-and-go", 2, 3, 1, false, open_late, come_and_go)
STREAM(coming_weak, "stream-come-and-go-weak", 2, 0, 0, true, open_late, come_and_go)

const struct scene *const stream_scenes[] = {
    &plain,  &plain_weak,  &room,        &room_weak, &place,      &place_weak,
    &polled, &polled_weak, &polled_room, &coming,    &coming_weak};
const int stream_scene_count = sizeof stream_scenes / sizeof *stream_scenes;
