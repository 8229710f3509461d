/* test.hpp: TEST(what_it_shows) { expect(...); }, and a name of one's own for each channel. */
#ifndef TEST_HPP
#define TEST_HPP

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace test {

struct entry {
    const char *name;
    void (*run)();
    entry *next;
};

inline entry *first = nullptr;
inline bool well = true;

struct registered : entry {
    registered(const char *word, void (*body)()) : entry{word, body, first} { first = this; }
};

inline void expect(bool true_it_is, const char *what, const char *file, int line) {
    if (true_it_is) return;
    std::printf("%s:%d: %s\n", file, line, what);
    well = false;
}

inline std::string name(const char *word) {
    return std::string(word) + "-" + std::to_string(getpid());
}

/* One line a test, then the counts. */
inline int run_all() {
    int passed = 0, failed = 0;
    alarm(60);
    for (entry *test = first; test; test = test->next) {
        well = true;
        test->run();
        if (!well) std::printf("FAILED %s\n", test->name);
        ++(well ? passed : failed);
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

} // namespace test

#define TEST(word)                                                                                 \
    static void word();                                                                            \
    static const test::registered word##_test(#word, word);                                        \
    static void word()
#define expect(...) test::expect(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)

#endif
