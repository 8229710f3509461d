// conformance.cpp: one side of a conversation over the vectors (test/conformance/README.md).
#include "samepage.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr auto patience = 20s;
constexpr uint64_t budget = 4 << 20;
constexpr std::size_t message_max = 65536;

using message = std::vector<unsigned char>;

std::string name;
std::vector<message> messages;
std::size_t from = 0, readers = 0;
std::optional<std::size_t> die_after;

/* ---- messages and failures ------------------------------------------------------------------- */

void must_be(bool true_it_is, std::size_t index, const char *what) {
    if (true_it_is) return;
    std::fprintf(stderr, "conformance.cpp: message %zu: %s\n", index, what);
    std::exit(1);
}

template <class T> samepage::result<T> must(samepage::result<T> done, std::size_t index) {
    must_be(static_cast<bool>(done), index, done.error().message().c_str());
    return done;
}

template <class Handle> Handle must_open(samepage::result<Handle> opened) {
    if (opened) return *std::move(opened);
    std::fprintf(stderr, "conformance.cpp: %s: %s\n", name.c_str(),
                 std::string(samepage::error_detail()).c_str());
    std::exit(1);
}

message make_message(std::size_t size, unsigned seed) {
    message made(size);
    for (std::size_t i = 0; i < size; i++)
        made[i] = static_cast<unsigned char>(seed + 7 * i + i / 256);
    return made;
}

void read_vectors(const char *path) {
    std::ifstream file(path);
    std::size_t size;
    unsigned seed;
    while (file >> size >> seed) messages.push_back(make_message(size, seed));
    must_be(!messages.empty(), 0, path);
}

void compare(std::size_t index, const void *bytes, std::size_t size) {
    must_be(size == messages[index].size(), index, "has another size");
    must_be(std::memcmp(bytes, messages[index].data(), size) == 0, index, "has other bytes");
}

message reversed(const void *bytes, std::size_t size) {
    auto begin = static_cast<const unsigned char *>(bytes);
    message made(begin, begin + size);
    std::reverse(made.begin(), made.end());
    return made;
}

void die_if_due(std::size_t index) {
    if (die_after && index - from >= *die_after) kill(getpid(), SIGKILL);
}

template <class Step> void each_message(Step step) {
    for (std::size_t i = from; i < messages.size(); i++) {
        die_if_due(i);
        step(i);
    }
}

/* ---- topic ----------------------------------------------------------------------------------- */

int count_reader(void *context, const spg_member *member) {
    if (member->role == SPG_ROLE_SUBSCRIBER && member->alive)
        ++*static_cast<std::size_t *>(context);
    return 0;
}

std::size_t living_readers() {
    std::size_t count = 0;
    spg_channel_facts facts{};
    facts.struct_size = sizeof facts;
    int result = spg_channel_stat(nullptr, ("topic:" + name).c_str(), &facts, count_reader, &count);
    must_be(result >= 0, from, spg_error_text(result));
    return count;
}

void wait_for_readers() {
    auto deadline = std::chrono::steady_clock::now() + patience;
    while (living_readers() < readers) {
        must_be(std::chrono::steady_clock::now() < deadline, from, "the readers did not come");
        std::this_thread::sleep_for(10ms);
    }
}

/* By turns copied and written in place. */
samepage::result<void> publish_one(samepage::publisher<> &publisher, std::size_t index) {
    const message &sent = messages[index];
    if (index % 2) return publisher.send(sent, patience);
    auto loan = must(publisher.loan(sent.size(), patience), index);
    std::memcpy(loan->data(), sent.data(), sent.size());
    return publisher.publish(*loan, sent.size(), patience);
}

void publish() {
    samepage::topic_options options;
    options.type = "conformance";
    options.budget = budget;
    options.slots = 64;
    auto publisher = must_open(samepage::publisher<>::open(name, options));
    wait_for_readers();
    each_message([&](std::size_t i) { (void)must(publish_one(publisher, i), i); });
}

void subscribe() {
    samepage::subscriber_options options;
    options.policy = SPG_MUST_NOT_LOSE;
    options.type = "conformance";
    options.timeout = samepage::timeout(patience).count();
    auto subscriber = must_open(samepage::subscriber<>::open(name, options));
    each_message([&](std::size_t i) {
        auto received = must(subscriber.receive(patience), i);
        must_be(received->raw().lost == 0, i, "messages before it are lost");
        compare(i, received->data(), received->size());
    });
}

/* ---- cell ------------------------------------------------------------------------------------ */

struct seen_so_far {
    unsigned char bytes[4];
};

seen_so_far little_endian(std::size_t number) {
    return {{static_cast<unsigned char>(number), static_cast<unsigned char>(number >> 8),
             static_cast<unsigned char>(number >> 16), static_cast<unsigned char>(number >> 24)}};
}

samepage::cell<> open_cell(const std::string &suffix, std::size_t capacity) {
    samepage::cell_options options;
    options.capacity = capacity;
    return must_open(samepage::cell<>::open(name + suffix, options));
}

void wait_until_seen(samepage::cell<> &seen, std::size_t index) {
    const seen_so_far wanted = little_endian(index + 1);
    seen_so_far found{};
    uint64_t version = 0;
    while (std::memcmp(&found, &wanted, sizeof found) != 0) {
        (void)must(seen.wait(version, patience), index);
        samepage::span<std::byte> room(reinterpret_cast<std::byte *>(&found), sizeof found);
        (void)must(seen.read(room, &version), index);
    }
}

void set() {
    auto cell = open_cell("", message_max), seen = open_cell(".seen", 4);
    each_message([&](std::size_t i) {
        (void)must(cell.write(messages[i], patience), i);
        wait_until_seen(seen, i);
    });
}

void get() {
    auto cell = open_cell("", message_max), seen = open_cell(".seen", 4);
    std::vector<std::byte> room(message_max);
    uint64_t version = 0;
    each_message([&](std::size_t i) {
        (void)must(cell.wait(version, patience), i);
        auto size = must(cell.read(room, &version), i);
        compare(i, room.data(), *size);
        (void)must(seen.write(samepage::bytes_of(little_endian(i + 1)), patience), i);
    });
}

/* ---- stream ---------------------------------------------------------------------------------- */

/* An end that is still taken becomes free when the one before has gone. */
template <class End> End open_stream() {
    auto deadline = std::chrono::steady_clock::now() + patience;
    auto end = End::open(name);
    while (end.error() == samepage::errc::exists && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(10ms);
        end = End::open(name);
    }
    return must_open(std::move(end));
}

void write() {
    auto out = open_stream<samepage::stream_writer>();
    each_message([&](std::size_t i) {
        auto count = must(out.write(messages[i], patience), i);
        must_be(*count == messages[i].size(), i, "was not written in time");
    });
    (void)must(out.end(), messages.size());
}

/* A whole message; empty at the end, or where the writer died. */
samepage::result<message> read_message(samepage::stream_reader &in, std::size_t index) {
    message read(index < messages.size() ? messages[index].size() : 1);
    std::size_t have = 0;
    while (have < read.size()) {
        auto rest = reinterpret_cast<std::byte *>(read.data()) + have;
        auto count = in.read(samepage::span<std::byte>(rest, read.size() - have), patience);
        bool over = count ? *count == 0 : count.error() == samepage::errc::peer_died;
        if (over) must_be(have == 0, index, "is cut off");
        if (over && !count) return samepage::errc::peer_died;
        if (over) return message();
        have += *must(std::move(count), index);
    }
    return read;
}

void read() {
    auto in = open_stream<samepage::stream_reader>();
    for (std::size_t i = from;;) {
        die_if_due(i);
        auto read = read_message(in, i);
        if (!read) { /* another one goes on, in a stream of its own */
            in = samepage::stream_reader();
            in = open_stream<samepage::stream_reader>();
            continue;
        }
        must_be(read->empty() == (i == messages.size()), i, "is missing, or one too many");
        if (read->empty()) return;
        compare(i++, read->data(), read->size());
    }
}

/* ---- queue and service ----------------------------------------------------------------------- */

samepage::queue<> open_queue() {
    samepage::queue_options options;
    options.budget = budget;
    return must_open(samepage::queue<>::open(name, options));
}

void push() {
    auto queue = open_queue();
    each_message([&](std::size_t i) { (void)must(queue.push(messages[i], patience), i); });
}

/* One that dies has the next job in hand. */
void pop() {
    auto queue = open_queue();
    for (std::size_t i = from; i < messages.size(); i++) {
        auto job = must(queue.pop(patience), i);
        die_if_due(i);
        compare(i, job->data(), job->size());
        (void)must(job->done(), i);
    }
}

samepage::service_options service_options() {
    samepage::service_options options;
    options.budget = budget;
    return options;
}

void serve() {
    auto server = must_open(samepage::server::open(name, service_options()));
    each_message([&](std::size_t i) {
        auto request = must(server.receive(patience), i);
        compare(i, request->data(), request->size());
        (void)must(request->reply(reversed(request->data(), request->size())), i);
    });
}

void call() {
    auto client = must_open(samepage::client::open(name, service_options()));
    each_message([&](std::size_t i) {
        auto response = must(client.call(messages[i], patience), i);
        auto answer = reversed(response->data(), response->size());
        compare(i, answer.data(), answer.size());
    });
}

/* ---- the command line ------------------------------------------------------------------------ */

const struct {
    const char *name;
    void (*run)();
    const char *said;
} roles[] = {
    {"publish", publish, "published"},
    {"subscribe", subscribe, "received"},
    {"set", set, "set"},
    {"get", get, "got"},
    {"write", write, "wrote"},
    {"read", read, "read"},
    {"push", push, "pushed"},
    {"pop", pop, "popped"},
    {"serve", serve, "served"},
    {"call", call, "called"},
};

int wrong_use() {
    std::fputs("usage: conformance ROLE NAME VECTORS [--from N] [--die-after N] [--readers N]"
               " | roles\n",
               stderr);
    return 2;
}

bool take_option(std::string_view word, std::size_t number) {
    if (word == "--from") from = number;
    else if (word == "--die-after") die_after = number;
    else if (word == "--readers") readers = number;
    else return false;
    return true;
}

int run(std::string_view word) {
    for (const auto &role : roles) {
        if (word != role.name) continue;
        role.run();
        std::printf("%s %zu\n", role.said, messages.size() - from);
        return 0;
    }
    return wrong_use();
}

} // namespace

int main(int count, char **words) {
    if (count == 2 && words[1] == std::string_view("roles")) {
        for (const auto &role : roles) std::puts(role.name);
        return 0;
    }
    if (count < 4 || count % 2) return wrong_use();
    name = words[2];
    read_vectors(words[3]);
    for (int i = 4; i < count; i += 2) {
        if (!take_option(words[i], std::strtoul(words[i + 1], nullptr, 10))) return wrong_use();
    }
    alarm(60);
    return run(words[1]);
}
