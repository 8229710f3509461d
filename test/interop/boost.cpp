// boost.cpp: the commands of ours.c by Boost.Interprocess. A PLACE is
//
//   object:NAME   shared_memory_object      xsi:FILE:ID   xsi_shared_memory
//
// and "region OFFSET COUNT" reads by a mapped_region that begins at OFFSET.
#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>
#include <boost/interprocess/xsi_shared_memory.hpp>

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

namespace ipc = boost::interprocess;

namespace {

struct place {
    std::string kind, name;
    int id = 0;

    explicit place(const std::string &text) {
        kind = text.substr(0, text.find(':'));
        name = text.substr(kind.size() + 1);
        if (kind != "xsi") return;
        id = std::stoi(name.substr(name.rfind(':') + 1));
        name.resize(name.rfind(':'));
    }
    ipc::xsi_key key() const { return {name.c_str(), static_cast<boost::uint8_t>(id)}; }
};

void make(const place &place, std::size_t size) {
    if (place.kind == "xsi") {
        ipc::xsi_shared_memory(ipc::create_only, place.key(), size);
        return;
    }
    ipc::shared_memory_object object(ipc::create_only, place.name.c_str(), ipc::read_write);
    object.truncate(static_cast<ipc::offset_t>(size));
}

ipc::mapped_region map(const place &place, ipc::offset_t offset = 0) {
    if (place.kind == "xsi") {
        ipc::xsi_shared_memory memory(ipc::open_only, place.key());
        return ipc::mapped_region(memory, ipc::read_write);
    }
    ipc::shared_memory_object object(ipc::open_only, place.name.c_str(), ipc::read_write);
    return ipc::mapped_region(object, ipc::read_write, offset);
}

void remove(const place &place) {
    bool removed = place.kind == "xsi"
        ? ipc::xsi_shared_memory::remove(
              ipc::xsi_shared_memory(ipc::open_only, place.key()).get_shmid())
        : ipc::shared_memory_object::remove(place.name.c_str());
    if (!removed) throw std::runtime_error("nothing was removed");
}

void add(char *bytes, long count) {
    auto counter = reinterpret_cast<std::atomic<uint64_t> *>(bytes);
    for (; count > 0; count--) counter->fetch_add(1, std::memory_order_relaxed);
}

void run(const std::string &command, const place &place, char **words) {
    if (command == "make") return make(place, std::stoul(words[0]));
    if (command == "rm") return remove(place);
    if (command == "region") {
        auto region = map(place, std::stol(words[0]));
        std::cout.write(static_cast<char *>(region.get_address()), std::stol(words[1])) << '\n';
        return;
    }
    auto region = map(place);
    if (command == "size") {
        std::cout << region.get_size() << '\n';
        return;
    }
    char *bytes = static_cast<char *>(region.get_address()) + std::stoul(words[0]);
    if (command == "read") std::cout.write(bytes, std::stol(words[1])) << '\n';
    else if (command == "write") std::memcpy(bytes, words[1], std::strlen(words[1]));
    else if (command == "add") add(bytes, std::stol(words[1]));
    else throw std::runtime_error("no such command");
}

} // namespace

int main(int count, char **words) {
    alarm(60);
    if (count < 3) return 2;
    try {
        run(words[1], place(words[2]), words + 3);
    } catch (const std::exception &error) {
        std::cerr << "boost: " << error.what() << '\n';
        return 1;
    }
}
