/* test.cpp: what the binding adds to the C library: types, lifetimes, errors, times. Compiled with
 * and without exceptions. */
#include "samepage.hpp"

#include <array>
#include <vector>

#include "test.hpp"

using namespace std::chrono_literals;

namespace {

struct point {
    double x, y;
};

struct picture {
    uint32_t pixels[1000];
};

} // namespace

template <> inline constexpr const char *samepage::type_name<point> = "point";

namespace {

using samepage::errc;
using samepage::nowait;

samepage::subscriber_options from_the_start() {
    samepage::subscriber_options options;
    options.policy = SPG_MUST_NOT_LOSE;
    options.history = SPG_ALL_HISTORY;
    return options;
}

TEST(handles_are_one_pointer_and_move_only) {
    using publisher = samepage::publisher<point>;
    static_assert(sizeof(publisher) == sizeof(void *));
    static_assert(std::is_nothrow_move_constructible_v<publisher>);
    static_assert(!std::is_copy_constructible_v<publisher>);
    static_assert(!std::is_copy_constructible_v<samepage::message<point>>);
    static_assert(std::is_trivially_copyable_v<samepage::mutex>);
    static_assert(sizeof(samepage::mutex) == sizeof(spg_mutex));
}

TEST(a_typed_message_arrives_as_its_type) {
    auto name = test::name("typed");
    auto out = samepage::publisher<point>::open(name);
    auto in = samepage::subscriber<point>::open(name, from_the_start());
    expect(out && in);
    expect(out->send({1, 2}));
    auto loan = out->loan();
    expect(loan);
    (*loan)->x = 3;
    (*loan)->y = 4;
    expect(out->publish(*loan));
    auto first = in->receive(1s), second = in->receive(1s);
    expect(first && second);
    expect((*first)->x == 1 && (**first).y == 2 && (*second)->x == 3 && (*second)->y == 4);
    expect(second->raw().sequence == first->raw().sequence + 1);
    expect(in->type() == "point");
}

TEST(a_topic_of_another_type_is_refused) {
    auto name = test::name("other-type");
    auto out = samepage::publisher<point>::open(name);
    expect(out);
    expect(samepage::subscriber<picture>::open(name).error() == errc::wrong_type);
    expect(samepage::publisher<picture>::open(name).error() == errc::wrong_type);
}

TEST(a_message_of_another_size_is_an_error_and_given_back) {
    auto name = test::name("other-size");
    samepage::topic_options options;
    options.holds = 8;
    auto out = samepage::publisher<>::open(name, options);
    auto in = samepage::subscriber<point>::open(name, from_the_start());
    expect(!in && in.error() == errc::wrong_type); /* the topic said nothing of a type */
    options.type = "point";
    options.type_size = sizeof(point);
    out = samepage::publisher<>::open(name + "-said", options);
    in = samepage::subscriber<point>::open(name + "-said", from_the_start());
    expect(out && in);
    for (int i = 0; i < 20; i++) {
        expect(out->send("short"));
        expect(in->receive(1s).error() == errc::wrong_type);
    }
    expect(out->send(samepage::bytes_of(point{5, 6})));
    auto message = in->receive(1s);
    expect(message && (*message)->y == 6);
}

TEST(a_message_is_given_back_at_the_end_of_its_scope) {
    auto name = test::name("scope");
    auto out = samepage::publisher<>::open(name);
    auto in = samepage::subscriber<>::open(name, from_the_start());
    expect(out && in);
    for (int i = 0; i < 50; i++) {
        expect(out->send("one of fifty, of which eight can be held"));
        expect(in->receive(1s));
    }
    std::vector<samepage::message<>> held;
    for (int i = 0; i < 8; i++) {
        expect(out->send("held"));
        if (auto message = in->receive(1s)) held.push_back(*std::move(message));
    }
    expect(out->send("one too many"));
    expect(in->receive(nowait).error() == errc::full);
    expect(held.back().release());
    expect(held.back().release().error() == errc::invalid_argument);
    auto last = in->receive(1s);
    expect(last && last->text() == "one too many");
}

TEST(a_moved_message_is_given_back_once) {
    auto name = test::name("moved");
    auto out = samepage::publisher<>::open(name);
    auto in = samepage::subscriber<>::open(name, from_the_start());
    expect(out && in && out->send("a") && out->send("b"));
    auto first = in->receive(1s), second = in->receive(1s);
    samepage::message<> kept = *std::move(first);
    kept = *std::move(second);
    expect(kept.text() == "b");
    kept = std::move(*&kept);
    expect(kept.text() == "b" && kept.release());
}

TEST(messages_are_views) {
    auto name = test::name("views");
    auto out = samepage::publisher<>::open(name);
    auto in = samepage::subscriber<>::open(name, from_the_start());
    std::array<uint32_t, 3> numbers{7, 8, 9};
    expect(out && in && out->send(numbers) && out->send(std::string_view("text")));
    auto message = in->receive(1s);
    expect(message && message->size() == 12 && message->bytes().size() == 12);
    expect(message->elements<uint32_t>().size() == 3 && message->elements<uint32_t>()[2] == 9);
    expect(message->as<point>() == nullptr && message->elements<uint64_t>().empty());
    expect(message->as<std::array<uint32_t, 3>>() != nullptr);
    message = in->receive(1s);
    expect(message && message->text() == "text");
}

TEST(a_loan_that_is_dropped_is_given_back) {
    auto name = test::name("loans");
    samepage::topic_options options;
    options.budget = 65536;
    auto out = samepage::publisher<picture>::open(name, options);
    expect(out);
    for (int i = 0; i < 100; i++) expect(out->loan(nowait));
    auto loan = out->loan(nowait);
    expect(loan && (loan->operator*().pixels[0] = 1) == 1);
    expect(out->publish(*loan));
    expect(out->publish(*loan).error() == errc::invalid_argument);
}

TEST(durations_are_deadlines) {
    using samepage::timeout;
    auto in = samepage::queue<>::open(test::name("durations"));
    auto begin = std::chrono::steady_clock::now();
    expect(in && in->pop(30ms).error() == errc::timed_out);
    expect(std::chrono::steady_clock::now() - begin >= 30ms);
    expect(in->pop(begin).error() == errc::would_wait); /* a deadline that is over */
    expect(in->pop(-5s).error() == errc::would_wait);
    static_assert(timeout(1us).count() == 1000 && timeout(0.5s).count() == 500000000);
    static_assert(timeout(std::chrono::duration<double, std::nano>(0.1)).count() == 1);
    static_assert(timeout(std::chrono::hours::max()).count() == INT64_MAX);
    static_assert(timeout(std::chrono::nanoseconds::max()).count() == INT64_MAX);
    expect(timeout(std::chrono::steady_clock::time_point::max()).count() > INT64_MAX / 4);
    expect(timeout(std::chrono::steady_clock::time_point::min()).count() == SPG_NOWAIT);
    static_assert(samepage::forever.count() == SPG_FOREVER && nowait.count() == SPG_NOWAIT);
}

TEST(errors_are_error_codes) {
    auto cell = samepage::cell<>::open(test::name("not-there"));
    std::error_code error = cell.error();
    expect(!cell && error == errc::not_found && error.category() == samepage::category());
    expect(error.message() == spg_error_text(SPG_ENOENT));
    expect(error == std::errc::no_such_file_or_directory);
    expect(samepage::make_error_code(errc::peer_died) != std::errc::owner_dead);
    expect(samepage::error_detail().find("not-there") != std::string_view::npos);
    expect(samepage::cell<>::open(std::string(300, 'x')).error() == errc::invalid_argument);
    expect(samepage::cell<>::open(std::string_view("a\0b", 3)).error() == errc::invalid_argument);
    expect(samepage::cell<>::open("").error() == errc::invalid_argument);
}

TEST(every_error_of_the_library_has_its_name_here) {
#define SAME(name, number, text) number,
    for (int number : {SPG_ERROR_LIST(SAME)}) {
        expect(samepage::category().message(number) == spg_error_text(number));
    }
    expect(static_cast<int>(errc::too_many_files) == -22);
}

TEST(cells_hold_values_with_versions) {
    auto name = test::name("cell");
    auto out = samepage::cell<point>::open(name), in = samepage::cell<point>::open(name);
    uint64_t version = 0;
    expect(out && in && in->read().error() == errc::would_wait);
    expect(out->write({1, 2}));
    auto value = in->read(&version);
    expect(value && value->y == 2 && version == 1);
    expect(in->wait(version, nowait).error() == errc::would_wait);
    auto loan = out->loan();
    expect(loan);
    **loan = {3, 4};
    expect(out->publish(*loan) && in->wait(version, 1s));
    expect(in->read(&version)->x == 3 && version == 2);
    expect(samepage::cell<picture>::open(name).error() == errc::wrong_type);
    samepage::unlink_cell(name).error();
}

TEST(a_cell_of_bytes_has_its_own_size) {
    auto name = test::name("bytes");
    samepage::cell_options options;
    options.capacity = 100;
    auto cell = samepage::cell<>::open(name, options);
    std::array<std::byte, 100> room;
    expect(cell && cell->write("seven b") && cell->read(room).value_or(0) == 7);
    expect(cell->read(samepage::span<std::byte>(room.data(), 3)).error() == errc::too_big);
    expect(samepage::unlink_cell(name));
    expect(samepage::unlink_cell(name).error() == errc::not_found);
}

TEST(streams_carry_bytes_and_their_end) {
    auto name = test::name("stream");
    auto out = samepage::stream_writer::open(name);
    auto in = samepage::stream_reader::open(name);
    std::array<std::byte, 64> room;
    expect(out && in && out->write("hello").value_or(0) == 5);
    expect(in->read(room, 1s).value_or(0) == 5);
    auto reserved = out->reserve(10);
    expect(reserved && reserved->size() == 10);
    reserved->data()[0] = std::byte{42};
    expect(out->commit(1));
    auto peeked = in->peek(1s);
    expect(peeked && peeked->size() == 1 && peeked->data()[0] == std::byte{42} && in->consume(1));
    expect(out->end());
    auto rest = in->read(room, 1s);
    expect(rest && *rest == 0);
}

TEST(jobs_that_are_not_done_are_offered_again) {
    auto name = test::name("queue");
    auto queue = samepage::queue<point>::open(name);
    expect(queue && queue->push({1, 2}));
    {
        auto dropped = queue->pop(1s);
        expect(dropped && (*dropped)->x == 1);
    }
    auto again = queue->pop(1s);
    expect(again && again->raw().deliveries == 2 && again->done());
    expect(again->done().error() == errc::invalid_argument);
    expect(queue->pop(nowait).error() == errc::would_wait);
    auto loan = queue->loan();
    expect(loan);
    **loan = {5, 6};
    expect(queue->publish(*loan));
    auto job = queue->pop(1s);
    expect(job && (*job)->y == 6 && job->done());
}

TEST(services_answer_refuse_and_let_go) {
    auto name = test::name("service");
    auto server = samepage::server::open(name);
    auto client = samepage::client::open(name);
    expect(server && client);
    auto first = client->send("first"), second = client->send("second"),
         third = client->send(samepage::bytes_of(point{1, 2}));
    expect(first && second && third);
    {
        auto request = server->receive(1s);
        expect(request && request->text() == "first" && request->reply("answer"));
        request = server->receive(1s);
        expect(request && request->refuse(errc::not_permitted));
        request = server->receive(1s);
        expect(request && request->as<point>()->y == 2); /* and dropped */
    }
    auto response = client->receive(1s);
    expect(response && response->raw().id == *first && response->text() == "answer");
    for (int i = 0; i < 2; i++) {
        uint64_t failed = 0;
        auto error = client->receive(1s, &failed).error();
        expect(failed == *second ? error == errc::not_permitted
                                 : failed == *third && error == errc::closed);
    }
    uint64_t failed = 1;
    expect(client->receive(1s, &failed).error() == errc::not_found && failed == 0);
}

TEST(services_take_loans) {
    auto name = test::name("service-loans");
    auto server = samepage::server::open(name);
    auto client = samepage::client::open(name);
    auto asked = client->loan(4);
    expect(asked);
    asked->bytes()[0] = std::byte{9};
    expect(client->send(*asked, 1));
    auto request = server->receive(1s);
    auto room = server->loan(100);
    expect(request && request->size() == 1 && room);
    room->bytes()[1] = std::byte{8};
    expect(request->reply(*room, 2));
    auto response = client->receive(1s);
    expect(response && response->size() == 2 && response->bytes()[1] == std::byte{8});
    expect(client->call("nobody serves", 20ms).error() == errc::timed_out);
}

TEST(waitsets_tell_who_is_ready) {
    auto one = samepage::queue<>::open(test::name("one"));
    auto two = samepage::queue<>::open(test::name("two"));
    auto set = samepage::waitset::open();
    expect(set && set->add(*one, &one) && set->add(*two, &two));
    std::array<void *, 4> tags{};
    expect(set->wait(tags, nowait).error() == errc::would_wait);
    expect(two->push("x") && set->wait(tags, 1s).value_or(0) == 1 && tags[0] == &two);
    expect(set->remove(*two) && set->wait(tags, nowait).error() == errc::would_wait);
    expect(two->pop(1s)->done() && two->fd().value_or(-1) >= 0);
}

struct counter {
    samepage::mutex mutex;
    samepage::rwlock lock;
    samepage::condition condition;
    samepage::event event;
    samepage::barrier barrier;
    samepage::semaphore permits;
    samepage::seqlock<point> place;
    uint64_t value;
};

samepage::result<void> prepare(counter &counter) {
    for (auto done :
         {counter.mutex.init(), counter.lock.init(), counter.condition.init(), counter.event.init(),
          counter.barrier.init(1), counter.permits.init_owned(1), counter.place.init()}) {
        if (!done) return done;
    }
    return {};
}

samepage::result<samepage::segment> counter_segment() {
    samepage::segment_options options;
    options.profile = SPG_MANAGED;
    options.exclusive = 0;
    options.lifetime = SPG_TEMPORARY;
    return samepage::segment::create<counter>("posix:/" + test::name("counter"), options, prepare);
}

TEST(a_segment_is_prepared_once_and_its_locks_guard) {
    auto here = counter_segment(), there = counter_segment();
    expect(here && there);
    counter &one = *here->as<counter>(), &other = *there->as<counter>();
    {
        auto guard = one.mutex.acquire();
        expect(guard && !guard->owner_died());
        expect(!other.mutex.try_lock());
        expect(other.mutex.acquire(nowait).error() == errc::deadlock ||
               other.mutex.acquire(nowait).error() == errc::would_wait);
        expect(one.condition.wait(*guard, 5ms).error() == errc::timed_out);
        expect(one.condition.wait_until(*guard, [&] { return one.value == 0; }));
        auto soon = std::chrono::steady_clock::now() + 5ms;
        auto never = [] { return false; };
        expect(one.condition.wait_until(*guard, never, soon).error() == errc::timed_out);
        one.value++;
    }
    expect(other.value == 1 && other.mutex.try_lock());
    other.mutex.unlock();
    {
        auto share = one.lock.acquire_shared();
        expect(share && !other.lock.try_lock());
    }
    expect(other.lock.try_lock());
    other.lock.unlock();
    expect(there->as<std::array<char, 1 << 20>>() == nullptr);
}

TEST(the_other_locks_do_what_they_are_named_for) {
    auto segment = counter_segment();
    expect(segment);
    counter &one = *segment->as<counter>();
    expect(one.event.wait(nowait).error() == errc::would_wait && one.event.set());
    expect(one.event.wait() && one.event.reset());
    auto last = one.barrier.wait();
    expect(last && *last && one.barrier.leave());
    auto taken = one.permits.acquire();
    expect(taken && !*taken && one.permits.value() == 0 && one.permits.release());
    expect(one.place.write({7, 8}));
    auto place = one.place.read();
    expect(place && place->y == 8);
}

TEST(a_failed_preparation_leaves_no_segment) {
    auto name = "posix:/" + test::name("unprepared");
    auto failed = samepage::segment::create<counter>(
        name, {}, [](counter &) -> samepage::result<void> { return errc::too_big; });
    expect(!failed && failed.error() == errc::too_big);
    expect(samepage::segment::open(name).error() == errc::not_found);
}

TEST(nodes_join_domains) {
    auto node = samepage::node::open();
    expect(node && node->id() && node->alive(*node->id()) && !node->domain().empty());
    auto queue = samepage::queue<>::open(test::name("of-a-node"), {}, *node);
    expect(queue && queue->close());
    expect(node->close() && !*node);
}

} // namespace

int main() {
    return test::run_all();
}
