/* command_cell.c: samepage get and set. */
#include "command.h"

TEST(a_value_is_what_was_set_last) {
    SCRIPT("one\ntwo\n", "samepage set c one; samepage get c; samepage set cell:c two\n"
                         "samepage get cell:c; samepage rm cell:c");
}

TEST(a_value_of_the_input_is_kept_to_the_byte) {
    SCRIPT("same\n", "head -c 100000 /dev/urandom >$D/in; samepage set c - <$D/in\n"
                     "samepage get c --raw | cmp - $D/in && echo same; samepage rm cell:c");
}

TEST(json_tells_the_version) {
    SCRIPT("{\"version\": 2, \"size\": 4, \"text\": \"a\\\"\\nb\"}\n",
           "samepage set c x; printf 'a\"\\nb' | samepage set c -; samepage get c --json\n"
           "samepage rm cell:c");
}

TEST(it_waits_for_a_newer_value) {
    SCRIPT("new\n", "samepage set c old; samepage get c --wait 20s & get=$!\n"
                    "sleep 0.3; samepage set c new; wait $get; samepage rm cell:c");
    SCRIPT("first\n", "samepage get c --wait 20s & get=$!\n"
                      "sleep 0.3; samepage set c first; wait $get; samepage rm cell:c");
}

TEST(it_follows_each_change) {
    SCRIPT("1\n2\n3\n", "samepage set c 1; samepage get c --follow >$D/out & get=$!\n" AWAIT
                        "await grep 1 $D/out; samepage set c 2; await grep 2 $D/out\n"
                        "samepage set c 3; await grep 3 $D/out; kill $get; wait $get\n"
                        "cat $D/out; samepage rm cell:c");
}

TEST(wrong_use_of_cells_is_told) {
    SCRIPT_FAILS(1, "there is no cell", "samepage get c");
    SCRIPT_FAILS(1, "in time",
                 "samepage set c 1; samepage get c --wait 100ms; status=$?; samepage rm cell:c\n"
                 "exit $status");
    SCRIPT_FAILS(1, "--capacity",
                 "samepage set c 1 --capacity 16; samepage set c 12345678901234567; status=$?\n"
                 "samepage rm cell:c; exit $status");
    SCRIPT_FAILS(2, "something is missing", "samepage set c");
    SCRIPT_FAILS(2, "there is no option", "samepage get c --newer");
}
