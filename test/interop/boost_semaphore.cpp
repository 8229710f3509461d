// boost_semaphore.cpp: the commands of ours_semaphore.c but value, by Boost.Interprocess. A PLACE
// is mutex:NAME (named_mutex) or semaphore:NAME (named_semaphore).
#include <boost/interprocess/sync/named_mutex.hpp>
#include <boost/interprocess/sync/named_semaphore.hpp>

#include <cstring>
#include <iostream>
#include <memory>
#include <string>

#include "count.h"

namespace ipc = boost::interprocess;

namespace {

struct lock {
    std::unique_ptr<ipc::named_mutex> mutex;
    std::unique_ptr<ipc::named_semaphore> semaphore;

    void take() { mutex ? mutex->lock() : semaphore->wait(); }
    bool try_to_take() { return mutex ? mutex->try_lock() : semaphore->try_wait(); }
    void give() { mutex ? mutex->unlock() : semaphore->post(); }
};

lock open(const std::string &place, const char *value) {
    std::string kind = place.substr(0, place.find(':')), name = place.substr(kind.size() + 1);
    const char *text = name.c_str();
    if (kind == "mutex") {
        return {value ? std::make_unique<ipc::named_mutex>(ipc::create_only, text)
                      : std::make_unique<ipc::named_mutex>(ipc::open_only, text),
                nullptr};
    }
    unsigned number = value ? static_cast<unsigned>(std::stoul(value)) : 0;
    return {nullptr, value ? std::make_unique<ipc::named_semaphore>(ipc::create_only, text, number)
                           : std::make_unique<ipc::named_semaphore>(ipc::open_only, text)};
}

bool remove_it(const std::string &place) {
    const char *name = place.c_str() + place.find(':') + 1;
    return place[0] == 'm' ? ipc::named_mutex::remove(name) : ipc::named_semaphore::remove(name);
}

void use(const std::string &command, lock lock, char **words) {
    if (command == "try") {
        if (lock.try_to_take()) lock.give();
        else std::cout << "busy\n";
    } else if (command == "hold") {
        lock.take();
        ::hold();
        lock.give();
    } else if (command == "count") {
        for (int left = std::stoi(words[1]); left > 0; left--) {
            lock.take();
            count_one(words[0]);
            lock.give();
        }
    }
}

} // namespace

int main(int count, char **words) {
    if (count < 3) return 2;
    alarm(60);
    std::string command = words[1];
    if (command == "rm") return !remove_it(words[2]);
    try {
        use(command, open(words[2], command == "make" ? words[3] : nullptr), words + 3);
    } catch (const std::exception &error) {
        std::cerr << "boost: " << error.what() << '\n';
        return 1;
    }
}
