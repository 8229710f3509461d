/* throwing.cpp: what there is besides where exceptions are enabled. */
#include "samepage.hpp"

#include <mutex>
#include <shared_mutex>

#include <sys/wait.h>

#include "test.hpp"

namespace {

using samepage::errc;

constexpr bool nothing_was_thrown = false;

TEST(value_throws_what_error_says) {
    try {
        samepage::cell<>::open("not-there").value();
        expect(nothing_was_thrown);
    } catch (const std::system_error &error) {
        expect(error.code() == errc::not_found);
    }
    try {
        samepage::unlink_cell("not-there").value();
        expect(nothing_was_thrown);
    } catch (const std::system_error &error) {
        expect(error.code() == errc::not_found);
    }
}

struct locks {
    samepage::mutex mutex;
    samepage::rwlock lock;
};

samepage::segment locks_in_memory() {
    return samepage::segment::create<locks>("anonymous:", {},
                                            [](locks &made) {
                                                samepage::result<void> done = made.mutex.init();
                                                return done ? made.lock.init() : done;
                                            })
        .value();
}

TEST(locks_serve_the_guards_of_the_standard_library) {
    auto segment = locks_in_memory();
    locks &made = *segment.as<locks>();
    {
        std::lock_guard<samepage::mutex> guard(made.mutex);
        expect(!made.mutex.try_lock());
    }
    {
        std::unique_lock<samepage::mutex> guard(made.mutex, std::try_to_lock);
        expect(guard.owns_lock());
    }
    {
        std::shared_lock<samepage::rwlock> share(made.lock);
        std::shared_lock<samepage::rwlock> another(made.lock, std::try_to_lock);
        expect(another.owns_lock() && !made.lock.try_lock());
    }
    std::scoped_lock both(made.mutex, made.lock);
}

void die_with(samepage::mutex &mutex) {
    pid_t child = fork();
    if (child == 0) {
        (void)mutex.try_lock();
        _exit(0);
    }
    waitpid(child, nullptr, 0);
}

TEST(lock_throws_and_holds_nothing_where_an_owner_died) {
    auto segment = locks_in_memory();
    samepage::mutex &mutex = segment.as<locks>()->mutex;
    die_with(mutex);
    try {
        std::lock_guard<samepage::mutex> guard(mutex);
        expect(nothing_was_thrown);
    } catch (const std::system_error &error) {
        expect(error.code() == errc::owner_died && error.code() == std::errc::owner_dead);
    }
    expect(!mutex.try_lock());
    {
        auto guard = mutex.acquire().value();
        expect(guard.owner_died() && guard.recovered() && !guard.owner_died());
    }
    std::lock_guard<samepage::mutex> guard(mutex);
}

} // namespace

int main() {
    return test::run_all();
}
