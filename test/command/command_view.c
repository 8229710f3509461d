/* command_view.c: samepage view, on a screen without glass: Xvfb is started, the command shows what
 * the test publishes, and the test takes a screenshot and compares it with what it published,
 * pixel by pixel. */
#include "command.h"

#ifdef COMMAND_HAS_WINDOW

#    include <xcb/xcb.h>

/* ---- a screen -------------------------------------------------------------------------------- */

static struct role *server;
static xcb_connection_t *screen_connection;
static const xcb_screen_t *screen;

static uid_t server_user; /* 0: ours */

static void become_server(void *arguments) {
    const char *const *words = arguments;
    int nowhere = open("/dev/null", O_WRONLY); /* it tells of every display that is taken */
    dup2(nowhere, STDERR_FILENO);
    if (server_user && (setgid(server_user) < 0 || setuid(server_user) < 0)) _exit(127);
    execlp("Xvfb", "Xvfb", "-displayfd", words[0], "-nolisten", "tcp", "-screen", "0", words[1],
           words[2], words[3], (char *)NULL);
    _exit(127);
}

/* What Xvfb says when it is ready: the number of its display. Nothing: there is no Xvfb. */
static void await_server(int fd) {
    char number[16] = "", display[24];
    size_t count = 0;
    ssize_t more;
    while (count < sizeof number - 1 && !strchr(number, '\n') &&
           (more = read(fd, number + count, sizeof number - 1 - count)) > 0) {
        count += (size_t)more;
    }
    close(fd);
    if (count == 0) SKIP("there is no Xvfb");
    number[strcspn(number, "\n")] = '\0';
    snprintf(display, sizeof display, ":%s", number);
    setenv("DISPLAY", display, 1);
}

/* A screen of this depth; `option` and `value` are for the server, or NULL. */
static void screen_begin(const char *depth, const char *option, const char *value) {
    int ends[2];
    char end[16], form[32];
    const char *words[] = {end, form, option, value};
    if (pipe(ends) < 0) FAIL("pipe: %s", strerror(errno));
    snprintf(end, sizeof end, "%d", ends[1]);
    snprintf(form, sizeof form, "640x480x%s", depth);
    server = role_fork(become_server, words);
    close(ends[1]);
    await_server(ends[0]);
    screen_connection = xcb_connect(NULL, NULL);
    CHECK(!xcb_connection_has_error(screen_connection));
    screen = xcb_setup_roots_iterator(xcb_get_setup(screen_connection)).data;
}

/* In order, so that it takes its files away. */
static void screen_end(void) {
    xcb_disconnect(screen_connection);
    role_signal(server, SIGTERM);
    role_wait(server);
}

static bool has_title(xcb_window_t window, const char *title) {
    xcb_get_property_reply_t *name = xcb_get_property_reply(
        screen_connection,
        xcb_get_property(screen_connection, 0, window, XCB_ATOM_WM_NAME, XCB_ATOM_ANY, 0, 64),
        NULL);
    bool has = name && xcb_get_property_value_length(name) == (int)strlen(title) &&
               memcmp(xcb_get_property_value(name), title, strlen(title)) == 0;
    free(name);
    return has;
}

/* 0: it is not there. */
static xcb_window_t find_window(const char *title) {
    xcb_window_t found = 0;
    xcb_query_tree_reply_t *tree = xcb_query_tree_reply(
        screen_connection, xcb_query_tree(screen_connection, screen->root), NULL);
    for (int i = 0; tree && i < xcb_query_tree_children_length(tree); i++) {
        xcb_window_t window = xcb_query_tree_children(tree)[i];
        if (has_title(window, title)) found = window;
    }
    free(tree);
    return found;
}

/* ---- pictures -------------------------------------------------------------------------------- */

struct head {
    char magic[8];
    uint32_t width, height, stride;
    char format[4];
    uint64_t offset;
    uint8_t zeros[32];
};

enum { WIDTH = 203, HEIGHT = 151, PADDING = 8, HEAD = 128 };

static uint32_t bytes_of(const char *format) {
    return strcmp(format, "GREY") == 0 ? 1 : format[3] == '3' ? 3 : 4;
}

/* Red, green and blue of a pixel of picture n. */
static void colour(uint8_t rgb[3], uint32_t x, uint32_t y, uint32_t n) {
    uint32_t mixed = (x * 2654435761u) ^ (y * 2246822519u) ^ (n * 3266489917u);
    for (int i = 0; i < 3; i++) rgb[i] = (uint8_t)(mixed >> (8 * i + 3));
}

static void paint(uint8_t *pixel, const char *format, const uint8_t rgb[3]) {
    for (uint32_t i = 0; i < bytes_of(format); i++) {
        char letter = format[i];
        bool grey = bytes_of(format) == 1;
        pixel[i] = grey || letter == 'R' ? rgb[0]
                   : letter == 'G'       ? rgb[1]
                   : letter == 'B'       ? rgb[2]
                                         : 0x5a;
    }
}

/* Picture n, with room after its rows and before its pixels. Returns its size. */
static size_t compose(uint8_t *to, const char *format, uint32_t width, uint32_t height,
                      uint32_t n) {
    struct head head = {"picture", width, height, width * bytes_of(format), "", HEAD, {0}};
    head.stride += PADDING;
    memcpy(head.format, format, 4);
    memset(to, 0xee, HEAD + (size_t)head.stride * height);
    memcpy(to, &head, sizeof head);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            uint8_t rgb[3];
            colour(rgb, x, y, n);
            paint(to + HEAD + (size_t)y * head.stride + x * bytes_of(format), format, rgb);
        }
    }
    return HEAD + (size_t)head.stride * height;
}

enum { PICTURE_MOST = HEAD + (WIDTH * 4 + PADDING) * HEIGHT };

static spg_publisher *publish_to(const char *name) {
    spg_publisher *publisher;
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    options.type = "picture";
    options.budget = 3 * PICTURE_MOST;
    CHECK_OK(spg_publisher_open(&publisher, NULL, name, &options));
    return publisher;
}

static void publish(spg_publisher *publisher, const char *format, uint32_t n) {
    void *data;
    CHECK_OK(spg_publisher_loan(publisher, PICTURE_MOST, &data, MILLISECONDS(20000)));
    size_t size = compose(data, format, WIDTH, HEIGHT, n);
    CHECK_OK(spg_publisher_publish(publisher, data, size, MILLISECONDS(20000)));
}

/* ---- screenshots ----------------------------------------------------------------------------- */

/* What a screen of 24 bits, or of 16 (5, 6 and 5), shows for a picture's pixel. */
static uint32_t expected_pixel(const char *format, uint32_t x, uint32_t y, uint32_t n) {
    uint8_t rgb[3];
    colour(rgb, x, y, n);
    if (bytes_of(format) == 1) rgb[1] = rgb[2] = rgb[0];
    if (screen->root_depth > 16) return (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
    return (uint32_t)(rgb[0] * 31 / 255) << 11 | (uint32_t)(rgb[1] * 63 / 255) << 5 |
           (uint32_t)(rgb[2] * 31 / 255);
}

static uint32_t pixel_at(const uint8_t *image, uint32_t x, uint32_t y) {
    if (screen->root_depth > 16) {
        uint32_t pixel;
        memcpy(&pixel, image + ((size_t)y * WIDTH + x) * 4, 4);
        return pixel & 0xffffff;
    }
    uint16_t pixel;
    memcpy(&pixel, image + (size_t)y * ((WIDTH * 2 + 3) / 4 * 4) + x * 2, 2);
    return pixel;
}

/* How many pixels of the window are not those of picture n; all of them if it cannot be seen. */
static uint32_t count_wrong(xcb_window_t window, const char *format, uint32_t n) {
    uint32_t wrong = 0;
    xcb_get_image_reply_t *image = xcb_get_image_reply(
        screen_connection,
        xcb_get_image(screen_connection, XCB_IMAGE_FORMAT_Z_PIXMAP, window, 0, 0, WIDTH, HEIGHT,
                      UINT32_MAX),
        NULL);
    if (!image) return WIDTH * HEIGHT;
    const uint8_t *pixels = xcb_get_image_data(image);
    for (uint32_t y = 0; y < HEIGHT; y++) {
        for (uint32_t x = 0; x < WIDTH; x++) {
            wrong += pixel_at(pixels, x, y) != expected_pixel(format, x, y, n);
        }
    }
    free(image);
    return wrong;
}

/* Waits until the window shows exactly picture n. */
static xcb_window_t await_picture(const char *title, const char *format, uint32_t n) {
    uint32_t wrong = WIDTH * HEIGHT;
    for (int64_t end = now_ns() + MILLISECONDS(30000); now_ns() < end; nap_ms(20)) {
        xcb_window_t window = find_window(title);
        wrong = window ? count_wrong(window, format, n) : WIDTH * HEIGHT;
        if (wrong == 0) return window;
    }
    FAIL("%u of %d pixels are wrong", wrong, WIDTH * HEIGHT);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int errors = -1;

static void become_view(void *arguments) {
    char path[4200], *words[8] = {(char *)"samepage", (char *)"view"};
    char *const *more = arguments;
    for (int i = 0; i < 5 && more[i]; i++) words[2 + i] = more[i];
    snprintf(path, sizeof path, "%s/samepage", SAMEPAGE_COMMAND_DIR);
    dup2(errors, STDERR_FILENO);
    execv(path, words);
    _exit(127);
}

/* Up to five words. */
#    define VIEW(...) view_start((const char *[6]){__VA_ARGS__})

static struct role *view_start(const char **words) {
    errors = memfd_create("errors", MFD_CLOEXEC);
    return role_fork(become_view, words);
}

static char *said(void) {
    return script_text(errors);
}

static int await_end(struct role *view) {
    return role_wait(view);
}

static void interrupt(struct role *view) {
    role_signal(view, SIGTERM);
    CHECK_INT(-SIGTERM, role_wait(view));
}

/* Does the server have a file of this name mapped, and how? Empty: it has not. */
static const char *server_maps(const char *name) {
    static char access[8];
    char path[64], *line = NULL;
    size_t room = 0;
    access[0] = '\0';
    snprintf(path, sizeof path, "/proc/%d/maps", (int)server->pid);
    FILE *maps = fopen(path, "re");
    CHECK(maps != NULL);
    while (getline(&line, &room, maps) > 0) {
        if (strstr(line, name)) sscanf(line, "%*s %7s", access);
    }
    fclose(maps);
    free(line);
    return access;
}

/* ---- the ways -------------------------------------------------------------------------------- */

TEST(the_server_maps_the_topic_for_reading_and_shows_its_pixels_in_place) {
    screen_begin("24", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    publish(publisher, "BGRX", 1);
    struct role *view = VIEW("t", "--transport", "fd");
    await_picture("t", "BGRX", 1);
    CHECK(strcmp(server_maps("/t.topic"), "r--s") == 0);
    publish(publisher, "BGRX", 2);
    await_picture("t", "BGRX", 2);
    interrupt(view);
    CHECK(strcmp(said(), "") == 0);
    spg_publisher_close(publisher);
    screen_end();
}

static void show_by(const char *way, const char *mapped) {
    screen_begin("24", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    publish(publisher, "BGRX", 1);
    struct role *view = VIEW("t", "--transport", way);
    await_picture("t", "BGRX", 1);
    CHECK(strcmp(server_maps("/t.topic"), "") == 0);
    if (mapped) CHECK(strcmp(server_maps(mapped), "r--s") == 0);
    publish(publisher, "BGRX", 2);
    await_picture("t", "BGRX", 2);
    interrupt(view);
    CHECK(strstr(said(), "are copied: they go to the X server by"));
    spg_publisher_close(publisher);
    screen_end();
}

TEST(pictures_come_by_a_system_v_segment) {
    show_by("sysv", "/SYSV00000000");
}

TEST(pictures_come_through_the_connection) {
    show_by("plain", NULL);
}

TEST(a_server_without_shared_memory_is_given_copies) {
    screen_begin("24", "-extension", "MIT-SHM");
    spg_publisher *publisher = publish_to("t");
    publish(publisher, "BGRX", 1);
    struct role *view = VIEW("t");
    await_picture("t", "BGRX", 1);
    interrupt(view);
    CHECK(strstr(said(), "by plain"));
    CHECK_INT(1, await_end(VIEW("t", "--transport", "fd")));
    CHECK(strstr(said(), "does not take pictures by fd"));
    spg_publisher_close(publisher);
    screen_end();
}

TEST(what_the_screen_cannot_take_is_converted) {
    static const char *const formats[] = {"RGBX", "BGR3", "RGB3", "GREY", "BGRA"};
    screen_begin("24", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    for (uint32_t i = 0; i < 5; i++) {
        publish(publisher, formats[i], i);
        struct role *view = VIEW("t", "--transport", "fd");
        await_picture("t", formats[i], i);
        interrupt(view);
        bool told = strstr(said(), "are converted") != NULL;
        CHECK_INT(i < 4, told);
    }
    spg_publisher_close(publisher);
    screen_end();
}

TEST(a_screen_of_sixteen_bits_shows_what_it_can) {
    screen_begin("16", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    for (uint32_t i = 0; i < 2; i++) {
        publish(publisher, "BGRX", i);
        struct role *view = VIEW("t", "--transport", i == 0 ? "fd" : "plain");
        await_picture("t", "BGRX", i);
        interrupt(view);
    }
    spg_publisher_close(publisher);
    screen_end();
}

/* Another user's server may not attach our System V segments; a descriptor is a right by itself. */
TEST(a_server_of_another_user_is_given_a_descriptor) {
    if (geteuid() != 0) SKIP("only root can start a server as another user");
    server_user = 65534;
    screen_begin("24", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    publish(publisher, "BGRX", 1);
    CHECK_INT(1, await_end(VIEW("t", "--transport", "sysv")));
    CHECK(strstr(said(), "refused a picture's memory by sysv"));
    struct role *view = VIEW("t");
    await_picture("t", "BGRX", 1);
    interrupt(view);
    CHECK(strcmp(said(), "") == 0);
    spg_publisher_close(publisher);
    screen_end();
}

/* The message is a copy then, which lies in no file. */
TEST(who_may_only_read_the_topic_sees_it) {
    screen_begin("24", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    publish(publisher, "BGRX", 1);
    struct role *view = VIEW("t", "--read-only");
    await_picture("t", "BGRX", 1);
    interrupt(view);
    CHECK(strstr(said(), "are copied"));
    spg_publisher_close(publisher);
    screen_end();
}

/* ---- lives and deaths ------------------------------------------------------------------------ */

static int count_held(void *context, const spg_member *member) {
    if (member->role == SPG_ROLE_SUBSCRIBER) *(uint64_t *)context += member->held;
    return 0;
}

/* Three pictures' room, and two hundred are published while the window shows one of them. */
TEST(a_picture_that_is_shown_holds_up_nobody) {
    screen_begin("24", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    publish(publisher, "BGRX", 1);
    struct role *view = VIEW("t", "--once");
    await_picture("t", "BGRX", 1);
    uint64_t held = 1;
    spg_channel_facts facts = {.struct_size = sizeof facts};
    for (int i = 0; i < 500 && held > 0; i++, nap_ms(10)) {
        held = 0;
        CHECK_OK(spg_channel_stat(NULL, "topic:t", &facts, count_held, &held));
    }
    CHECK_INT(0, held);
    for (uint32_t n = 2; n < 200; n++) publish(publisher, "BGRX", n);
    await_picture("t", "BGRX", 1);
    interrupt(view);
    spg_publisher_close(publisher);
    screen_end();
}

ROLE(painter) {
    uint32_t n = (uint32_t)atoi(arguments[0]);
    spg_publisher *publisher = publish_to("t");
    publish(publisher, "BGRX", n);
    step_reach(n);
    pause();
}

TEST(a_killed_publisher_leaves_its_picture_and_the_next_goes_on) {
    screen_begin("24", NULL, NULL);
    struct role *painter = role_start("painter", "1");
    step_await(1);
    struct role *view = VIEW("t");
    await_picture("t", "BGRX", 1);
    role_kill(painter);
    await_picture("t", "BGRX", 1);
    painter = role_start("painter", "2");
    await_picture("t", "BGRX", 2);
    interrupt(view);
    role_kill(painter);
    screen_end();
}

static void cover_for_a_moment(void) {
    uint32_t values[] = {screen->white_pixel, 1};
    xcb_window_t cover = xcb_generate_id(screen_connection);
    xcb_create_window(screen_connection, XCB_COPY_FROM_PARENT, cover, screen->root, 0, 0, 640, 480,
                      0, XCB_WINDOW_CLASS_INPUT_OUTPUT, screen->root_visual,
                      XCB_CW_BACK_PIXEL | XCB_CW_OVERRIDE_REDIRECT, values);
    xcb_map_window(screen_connection, cover);
    xcb_destroy_window(screen_connection, cover);
    xcb_flush(screen_connection);
}

TEST(what_was_covered_is_drawn_again_without_the_publisher) {
    screen_begin("24", NULL, NULL);
    struct role *painter = role_start("painter", "1");
    step_await(1);
    struct role *view = VIEW("t", "--once");
    await_picture("t", "BGRX", 1);
    role_kill(painter);
    cover_for_a_moment();
    await_picture("t", "BGRX", 1);
    interrupt(view);
    screen_end();
}

static uint32_t width_of(xcb_window_t window) {
    xcb_get_geometry_reply_t *geometry = xcb_get_geometry_reply(
        screen_connection, xcb_get_geometry(screen_connection, window), NULL);
    uint32_t width = geometry ? geometry->width : 0;
    free(geometry);
    return width;
}

TEST(the_window_takes_the_size_of_its_picture) {
    static uint8_t small[PICTURE_MOST];
    screen_begin("24", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    CHECK_OK(spg_publisher_send(publisher, small, compose(small, "BGRX", 10, 10, 1), SPG_NOWAIT));
    struct role *view = VIEW("t");
    while (width_of(find_window("t")) != 10) nap_ms(20);
    publish(publisher, "BGRX", 2);
    CHECK_INT(WIDTH, width_of(await_picture("t", "BGRX", 2)));
    interrupt(view);
    spg_publisher_close(publisher);
    screen_end();
}

static xcb_atom_t atom(const char *name) {
    xcb_intern_atom_cookie_t asked = xcb_intern_atom(screen_connection, 0, (uint16_t)strlen(name),
                                                     name);
    xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(screen_connection, asked, NULL);
    xcb_atom_t found = reply ? reply->atom : (xcb_atom_t)XCB_ATOM_NONE;
    free(reply);
    return found;
}

/* As a window manager does when its close button is used. */
TEST(closing_the_window_ends_it) {
    screen_begin("24", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    publish(publisher, "BGRX", 1);
    struct role *view = VIEW("t");
    xcb_client_message_event_t event = {.response_type = XCB_CLIENT_MESSAGE, .format = 32};
    event.window = await_picture("t", "BGRX", 1);
    event.type = atom("WM_PROTOCOLS");
    event.data.data32[0] = atom("WM_DELETE_WINDOW");
    xcb_send_event(screen_connection, 0, event.window, 0, (const char *)&event);
    xcb_flush(screen_connection);
    CHECK_INT(0, await_end(view));
    spg_publisher_close(publisher);
    screen_end();
}

TEST(it_ends_after_so_many_pictures) {
    screen_begin("24", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    publish(publisher, "BGRX", 1);
    CHECK_INT(0, await_end(VIEW("t", "--count", "1")));
    CHECK_INT(1, await_end(VIEW("t", "--count", "2", "--wait", "300ms")));
    CHECK(strstr(said(), "no picture came in time"));
    spg_publisher_close(publisher);
    screen_end();
}

TEST(a_server_that_goes_is_told) {
    screen_begin("24", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    publish(publisher, "BGRX", 1);
    struct role *view = VIEW("t");
    await_picture("t", "BGRX", 1);
    screen_end();
    CHECK_INT(1, await_end(view));
    CHECK(strstr(said(), "the X server has gone"));
    spg_publisher_close(publisher);
}

/* ---- hostile pictures ------------------------------------------------------------------------ */

static uint8_t wrong[PICTURE_MOST];
static struct head *const wrong_head = (struct head *)(void *)wrong;

/* Publishes what was made of a picture; the command refuses it, and says why. */
static void refuse(spg_publisher *publisher, size_t size, const char *why) {
    CHECK_OK(spg_publisher_send(publisher, wrong, size, SPG_NOWAIT));
    int status = await_end(VIEW("t"));
    char *text = said();
    if (status != 1 || !strstr(text, why)) FAIL("%d, %s, and not: %s", status, text, why);
    CHECK(find_window("t") == 0);
}

TEST(hostile_pictures_are_refused) {
    screen_begin("24", NULL, NULL);
    spg_publisher *publisher = publish_to("t");
    const size_t size = compose(wrong, "BGRX", WIDTH, HEIGHT, 1);
    const struct head right = *wrong_head;
#    define REFUSE(change, why)                                                                    \
        do {                                                                                       \
            *wrong_head = right;                                                                   \
            change;                                                                                \
            refuse(publisher, size, why);                                                          \
        } while (0)
    refuse(publisher, 63, "too short");
    refuse(publisher, size - 1, "beyond its end");
    REFUSE(wrong_head->magic[0] = 'P', "does not begin");
    REFUSE(wrong_head->zeros[31] = 1, "another version");
    REFUSE(wrong_head->width = 0, "its width");
    REFUSE(wrong_head->width = 32768, "its width");
    REFUSE(wrong_head->width = 32767, "more bytes than its stride");
    REFUSE(wrong_head->height = UINT32_MAX, "its height");
    REFUSE(wrong_head->height = 32767, "beyond its end");
    REFUSE(wrong_head->stride = UINT32_MAX, "beyond its end");
    REFUSE(wrong_head->stride = 4 * WIDTH - 1, "more bytes than its stride");
    REFUSE(wrong_head->format[0] = '?', "format");
    REFUSE(wrong_head->offset = 0, "begin nowhere");
    REFUSE(wrong_head->offset = 100, "begin nowhere");
    REFUSE(wrong_head->offset = UINT64_MAX - 63, "begin nowhere");
    REFUSE(wrong_head->offset = HEAD + 64, "beyond its end");
    spg_publisher_close(publisher);
    screen_end();
}

#endif

/* ---- without a screen ------------------------------------------------------------------------ */

TEST(wrong_use_of_view_is_told) {
    SCRIPT_FAILS(2, "something is missing", "samepage view");
#ifdef COMMAND_HAS_WINDOW
    SCRIPT_FAILS(1, "--wait", "samepage view t");
    SCRIPT_FAILS(2, "--transport", "samepage view t --transport pigeon");
    SCRIPT_FAILS(1, "DISPLAY",
                 "samepage pub t --keep --type picture </dev/null\n"
                 "env -u DISPLAY samepage view t; status=$?\n"
                 "samepage rm topic:t; exit $status");
    SCRIPT_FAILS(1, "cannot be reached",
                 "samepage pub t --keep --type picture </dev/null\n"
                 "DISPLAY=:nowhere samepage view t; status=$?\n"
                 "samepage rm topic:t; exit $status");
    SCRIPT_FAILS(1, "picture",
                 "samepage pub t --keep --type apple </dev/null\n"
                 "samepage view t; status=$?; samepage rm topic:t; exit $status");
#else
    SCRIPT_FAILS(1, "XCB", "samepage view t");
#endif
}
