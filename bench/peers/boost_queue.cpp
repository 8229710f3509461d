// boost_queue.cpp: Boost.Interprocess's message_queue, for C.
#include "boost_queue.h"

#include <boost/interprocess/ipc/message_queue.hpp>

using boost::interprocess::create_only;
using boost::interprocess::message_queue;
using boost::interprocess::open_only;

void *boost_make(const char *name, size_t depth, size_t size) {
    try {
        return new message_queue(create_only, name, depth, size);
    } catch (...) {
        return nullptr;
    }
}

void *boost_open(const char *name) {
    try {
        return new message_queue(open_only, name);
    } catch (...) {
        return nullptr;
    }
}

void boost_close(void *queue) {
    delete static_cast<message_queue *>(queue);
}

void boost_remove(const char *name) {
    message_queue::remove(name);
}

bool boost_send(void *queue, const void *data, size_t size, bool waits) {
    message_queue *own = static_cast<message_queue *>(queue);
    if (!waits) return own->try_send(data, size, 0);
    own->send(data, size, 0);
    return true;
}

bool boost_receive(void *queue, void *room, size_t size, bool waits) {
    message_queue *own = static_cast<message_queue *>(queue);
    message_queue::size_type received;
    unsigned int priority;
    if (!waits) return own->try_receive(room, size, received, priority);
    own->receive(room, size, received, priority);
    return true;
}
