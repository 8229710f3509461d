/* not_shareable.cpp: must not compile: a std::string cannot be shared. Compiled with one of these
 * defined; with none it compiles. */
#include "samepage.hpp"

struct aligned {
    alignas(64) char line[64];
};

void use() {
#if defined(TOPIC)
    (void)samepage::publisher<std::string>::open("a");
#elif defined(CELL)
    (void)samepage::cell<std::string>::open("a");
#elif defined(QUEUE)
    (void)samepage::queue<std::string>::open("a");
#elif defined(BYTES)
    std::string texts[2];
    (void)samepage::bytes(samepage::span<std::string>(texts));
#elif defined(ALIGNED)
    (void)samepage::subscriber<aligned>::open("a");
#elif defined(IGNORED)
    samepage::unlink_cell("a");
#endif
}
