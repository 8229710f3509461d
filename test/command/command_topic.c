/* command_topic.c: samepage pub and sub. */
#include "command.h"

TEST(every_subscriber_gets_every_line) {
    SCRIPT("1\n2\n\nlast\n1\n2\n\nlast\n",
           "samepage sub t -w 20s --must-not-lose --until-end >$D/a & a=$!\n"
           "samepage sub t -w 20s --must-not-lose --until-end >$D/b & b=$!\n"
           "printf '1\\n2\\n\\nlast' | samepage pub t --readers 2 && wait $a && wait $b\n"
           "cat $D/a $D/b");
}

/* In copies, in place, and with a ring and a budget that are much smaller than the whole. */
TEST(an_archive_goes_through_frames_whole) {
    SCRIPT("4K same\n64K same\n256K same\n7777 same\n",
           "tar c -C /usr/include/linux . >$D/in; sum=$(sha256sum <$D/in)\n"
           "for frame in 4K 64K 256K 7777; do\n"
           "  samepage sub t -w 20s -m --raw --until-end >$D/out & sub=$!\n"
           "  samepage pub topic:t --frame $frame --readers 1 --slots 16 <$D/in && wait $sub\n"
           "  [ \"$sum\" = \"$(sha256sum <$D/out)\" ] && echo $frame same\n"
           "done");
}

TEST(json_tells_of_each_message) {
    SCRIPT("1 0 hello\n2 0 null\n",
           "samepage sub t -w 20s --json --count 2 >$D/out & sub=$!\n"
           "{ printf 'hello'; printf '\\377\\000\\001\\002\\003'; } |\n"
           "  samepage pub t --timed --frame 5 --readers 1 && wait $sub\n"
           "sed -E 's/^.\"sequence\": ([0-9]+), \"publisher\": \"[0-9a-f]+\", \"time\": [0-9]+, "
           "\"age_ns\": [0-9]+, \"lost\": ([0-9]+), \"size\": 5, (.*).$/\\1 \\2 \\3/' $D/out |\n"
           "  sed -e 's/\"text\": \"hello\"/hello/' -e 's/\"base64\": \"\\/wABAgM=\"/null/'");
}

/* A subscriber that sleeps has joined; one that is only seen may be stopped in the middle of it. */
#define JOINED "await sh -c 'samepage stat topic:t -i 0 | grep \"who receives\"'\n"

TEST(who_is_too_slow_is_told_how_many_it_missed) {
    SCRIPT("2000\n",
           AWAIT "samepage sub t -w 20s --until-end >$D/out 2>$D/errors & sub=$!\n"
                 "(" JOINED "kill -STOP $sub; seq 2000; kill -CONT $sub) |\n"
                 "  samepage pub t --slots 16 && wait $sub\n"
                 "missed=$(awk '/missed/ { sum += $5 } END { print sum + 0 }' $D/errors)\n"
                 "echo $(($(wc -l <$D/out) + missed))");
}

TEST(a_late_subscriber_gets_the_history_it_asks_for) {
    SCRIPT("1\n2\n3\n4\n5\n4\n5\n",
           "seq 5 | samepage pub t --keep --history 5\n"
           "samepage sub t --history all --count 5 && samepage sub t --history 2 --count 2\n"
           "samepage rm topic:t");
}

TEST(who_may_only_read_reads) {
    SCRIPT("4\n5\nvalue\n", "seq 5 | samepage pub t --keep --history 5; samepage set c value\n"
                            "samepage sub t --read-only --history 2 --count 2\n"
                            "samepage get c --read-only; samepage rm topic:t cell:c");
}

/* Nobody reads, so what must not be lost finds no room: it fails in time, or is dropped. */
TEST(backpressure_is_a_failure_or_a_drop_as_one_likes) {
    SCRIPT_FAILS(1, "behind",
                 AWAIT "samepage sub t -w 20s -m >/dev/null 2>&1 & sub=$!\n"
                       "(" JOINED "kill -STOP $sub; seq 1000) | samepage pub t --slots 16 -w 1s\n"
                       "status=$?; kill -9 $sub; exit $status");
    SCRIPT("1000 1\n", AWAIT "samepage sub t -w 20s -m >/dev/null 2>&1 & sub=$!\n"
                             "(" JOINED "kill -STOP $sub; seq 1000) |\n"
                             "  samepage pub t --slots 16 --drop 2>$D/errors\n"
                             "status=$?; kill -9 $sub\n"
                             "awk '{ print $7, ($5 > 900) }' $D/errors; exit $status");
}

/* The reader of the output goes: no word, and the subscriber leaves in order. */
TEST(a_closed_output_ends_quietly) {
    SCRIPT(
        "1\nnothing to collect\n",
        "(sleep 0.2; seq 100000) | samepage pub t --readers 1 & pub=$!\n"
        "samepage sub t -w 20s -m 2>$D/errors | head -n 1; wait $pub; cat $D/errors; samepage gc");
}

TEST(an_interrupt_ends_it_in_order) {
    SCRIPT("143\n143\nnothing to collect\n",
           AWAIT "mkfifo $D/pipe; exec 9<>$D/pipe; samepage pub t <$D/pipe & pub=$!\n"
                 "await samepage stat topic:t; samepage sub t >/dev/null & sub=$!\n" JOINED
                 "kill $sub; wait $sub; echo $?; kill $pub; wait $pub; echo $?; samepage gc");
}

TEST(another_kind_and_another_type_are_told_with_both_sides) {
    SCRIPT_FAILS(2, "topic:t is a topic", "samepage get topic:t");
    SCRIPT_FAILS(1, "topic:t carries 'pose', and was opened for 'image'",
                 "echo x | samepage pub t --type pose --keep\n"
                 "samepage sub t --type image; status=$?; samepage rm topic:t; exit $status");
    SCRIPT_FAILS(2, "samepage rm cell:c",
                 "samepage set c 1; samepage rm c; status=$?; samepage rm cell:c; exit $status");
}

TEST(wrong_use_of_topics_is_told) {
    SCRIPT_FAILS(1, "--wait", "samepage sub t");
    SCRIPT_FAILS(1, "there is no topic", "samepage sub t --wait 100ms");
    SCRIPT_FAILS(2, "no size", "samepage pub t --frame many </dev/null");
    SCRIPT_FAILS(2, "no number", "samepage pub t --slots 1 </dev/null");
    SCRIPT_FAILS(2, "no time", "samepage sub t --wait soon");
    SCRIPT_FAILS(2, "leave out one", "samepage sub t --read-only --must-not-lose");
    SCRIPT_FAILS(2, "something is missing", "samepage pub");
    SCRIPT_FAILS(2, "name", "samepage pub ../t </dev/null");
    SCRIPT_FAILS(1, "budget", "head -c 2M /dev/zero | samepage pub t");
    SCRIPT_FAILS(1, "apple",
                 "samepage pub t --keep --type apple </dev/null; samepage sub t --type pear\n"
                 "status=$?; samepage rm topic:t; exit $status");
}
