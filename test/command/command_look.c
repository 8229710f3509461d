/* command_look.c: samepage ls, stat, check, gc, rm and top on channels. */
#include "command.h"

/* One of each kind; $pids are to be killed. */
#define WORLD                                                                                      \
    AWAIT "mkfifo $D/pipe; exec 9<>$D/pipe\n"                                                      \
          "samepage pub t --type apple <$D/pipe & pids=$!\n"                                       \
          "await samepage stat topic:t; samepage sub t -m >/dev/null & pids=\"$pids $!\"\n"        \
          "samepage set c value; samepage push q job\n"                                            \
          "samepage serve s -- cat & pids=\"$pids $!\"\n"                                          \
          "samepage recv b >/dev/null & pids=\"$pids $!\"\n"                                       \
          "await sh -c 'samepage stat topic:t -i 0 | grep subscriber'\n"                           \
          "await samepage stat service:s; await samepage stat stream:b\n"

#define WORLD_ENDS "kill $pids; wait $pids 2>/dev/null; samepage rm -f cell:c queue:q; true\n"

TEST(each_kind_is_listed) {
    SCRIPT("topic:t apple 0 messages 2 yes\ncell:c - 5 B - no\nqueue:q - 1 job 0 yes\n"
           "service:s - 0 requests 1 yes\nstream:b - 0 B 1 yes\n",
           WORLD "samepage ls >$D/ls\n"
                 "for name in topic:t cell:c queue:q service:s stream:b; do\n"
                 "  awk -v name=$name '$1 == name { print $1, $2, $5, $6, $7, $8 }' $D/ls\n"
                 "done | sed 's/ [0-9]*$//'\n" WORLD_ENDS);
}

TEST(each_kind_tells_who_takes_part) {
    SCRIPT("publisher samepage pub\nsubscriber samepage sub\nserver samepage serve\n"
           "reader samepage recv\n1\n1\n",
           WORLD "for name in topic:t cell:c queue:q service:s stream:b; do\n"
                 "  samepage stat $name -i 10ms | sed -nE "
                 "'s/^([a-z]+) +[0-9]+ +[0-9a-f]+  (samepage [a-z]+) .*/\\1 \\2/p'\n"
                 "done; samepage stat cell:c | grep -c 'value .* 5 B'\n"
                 "samepage stat queue:q | grep -c 'waiting  *1 job,'\n" WORLD_ENDS);
}

TEST(json_tells_the_same) {
    SCRIPT("\"topic\" 1\n\"cell\" 1\n\"queue\" 1\n\"service\" 1\n\"stream\" 1\n5\n",
           WORLD "for name in topic:t cell:c queue:q service:s stream:b; do\n"
                 "  samepage stat $name -i 0 --json >$D/json\n"
                 "  echo $(sed -n 's/^  \"kind\": \\(.*\\),/\\1/p' $D/json) "
                 "$(grep -c '\"members\"' $D/json)\n"
                 "done; samepage ls --json | grep -c '\"waiting\"'\n" WORLD_ENDS);
}

TEST(a_sound_domain_is_told_sound) {
    SCRIPT("sound: 4 nodes, 0 segments, 1 stream, 1 topic, 1 cell, 1 queue, 1 service\n"
           "sound: topic:t\n",
           WORLD "samepage check; samepage check topic:t\n" WORLD_ENDS);
}

TEST(rates_and_lag_are_shown) {
    SCRIPT("yes\nyes\n",
           AWAIT "mkfifo $D/pipe; exec 9<>$D/pipe\n"
                 "samepage pub t <$D/pipe & pub=$!\nawait samepage stat topic:t\n"
                 "samepage sub t >/dev/null 2>&1 & sub=$!\n"
                 "await sh -c 'samepage stat topic:t -i 0 | grep subscriber'; kill -STOP $sub\n"
                 "(for i in 1 2 3 4 5; do seq 10 >&9; sleep 0.05; done) & feed=$!\n"
                 "samepage stat topic:t -i 2s --json >$D/json; wait $feed\n"
                 "rate=$(sed -n 's/^  \"rate\": \\([0-9]*\\).*/\\1/p' $D/json)\n"
                 "[ \"$rate\" -gt 0 ] && echo yes\n"
                 "grep -q '\"behind\": [1-9]' $D/json && echo yes\n"
                 "kill -9 $sub; kill $pub; wait $pub $sub 2>/dev/null; samepage gc >/dev/null");
}

TEST(what_the_dead_left_is_shown_and_collected) {
    SCRIPT("1\ncollected 2 dead nodes, 2 dead members, 1 channel\nnothing to collect\n",
           AWAIT "mkfifo $D/pipe; exec 9<>$D/pipe\n"
                 "samepage pub t <$D/pipe & pub=$!\nawait samepage stat topic:t\n"
                 "samepage sub t >/dev/null & sub=$!\n"
                 "await sh -c 'samepage stat topic:t -i 0 | grep subscriber'\n"
                 "kill -9 $sub; wait $sub 2>/dev/null\n"
                 "samepage stat topic:t -i 0 | grep -c 'dead left  *1 member;'\n"
                 "kill -9 $pub; wait $pub 2>/dev/null\n"
                 "samepage gc; samepage gc");
}

TEST(what_is_kept_stays_when_the_dead_are_cleared) {
    SCRIPT("collected 1 dead node, 1 dead member\nx\n",
           AWAIT "mkfifo $D/pipe; exec 9<>$D/pipe\n"
                 "samepage pub t --keep <$D/pipe & pub=$!\necho x >&9\n"
                 "await sh -c 'samepage stat topic:t -i 0 | grep \"published  *1 message\"'\n"
                 "kill -9 $pub; wait $pub 2>/dev/null\n"
                 "samepage gc; samepage sub t --history 1 -n 1\n"
                 "samepage rm topic:t");
}

TEST(what_lives_is_not_removed_unasked) {
    SCRIPT_FAILS(1, "living member",
                 WORLD "samepage rm topic:t 2>$D/errors; status=$?\n" WORLD_ENDS
                       "cat $D/errors >&2; exit $status");
    SCRIPT("", WORLD "samepage rm -f topic:t service:s stream:b cell:c queue:q\n"
                     "samepage ls | grep -E '^(topic|service|stream|cell|queue):'\n" WORLD_ENDS
                     " samepage gc >/dev/null");
    SCRIPT_FAILS(1, "no", "samepage set c 1; samepage rm cell:c; samepage rm cell:c");
}

TEST(top_prints_a_row_for_each_channel) {
    SCRIPT("2 cell\n2 queue\n2 service\n2 stream\n2 topic\n",
           WORLD "samepage top --batch -n 2 -i 50ms >$D/top; grep -oE "
                 "'^(topic|cell|queue|service|stream) ' $D/top | sort | uniq -c |\n"
                 "  awk '{ print $1, $2 }'\n" WORLD_ENDS);
    SCRIPT("1\n", "samepage top | head -n 1 | wc -l");
}

#ifdef COMMAND_HAS_SCREEN
/* In a terminal of script(1). It leaves the alternate screen, however it ends. */
#    define ON_TERMINAL                                                                            \
        "command -v script >/dev/null || { echo 0 yes; exit; }\n"                                  \
        "export TERM=xterm; esc=$(printf '\\033')\n"
#    define IS_RESTORED                                                                            \
        "grep -qaF \"$esc[?1049h\" $D/typed && grep -qaF 'samepage top' $D/typed &&\n"             \
        "  tail -c 200 $D/typed | grep -qaF \"$esc[?1049l\" && echo yes\n"

TEST(top_ends_by_its_key_and_restores_the_terminal) {
    SCRIPT("0 yes\n", ON_TERMINAL
           "samepage set c 1\n"
           "(sleep 1; printf q; sleep 1) | script -qec 'samepage top' $D/typed >$D/out\n"
           "status=$?; samepage rm cell:c; printf '%s ' $status\n" IS_RESTORED);
}

TEST(top_restores_the_terminal_when_it_is_terminated) {
    SCRIPT("yes\n", ON_TERMINAL AWAIT
           "sleep 20 | script -qec 'echo $$ >'$D'/pid; exec samepage top' $D/typed >$D/out & s=$!\n"
           "await grep -aF 'samepage top' $D/out; kill $(cat $D/pid)\n"
           "await tail -c 200 $D/out; sleep 0.5\n"
           "tail -c 200 $D/out | grep -qaF \"$esc[?1049l\" && echo yes");
}
#endif

TEST(a_receiver_that_is_asked_to_end_leaves_in_order) {
    SCRIPT("143\nsound: 0 nodes, 0 segments\n", AWAIT
           "samepage recv r & p=$!\n"
           "await sh -c 'samepage ls | grep stream:r >/dev/null'; kill $p; wait $p 2>/dev/null\n"
           "echo $?; samepage check");
}

TEST(each_command_has_help_with_an_example) {
    SCRIPT("", "for command in pub sub get set push pop serve call send recv top; do\n"
               "  samepage $command --help >$D/help || echo $command fails\n"
               "  grep -q \"^  .*samepage $command\" $D/help || echo $command has no example\n"
               "  samepage --help | grep -q \"^  $command \" || echo $command is not listed\n"
               "done");
}

TEST(wrong_use_of_looking_is_told) {
    SCRIPT_FAILS(1, "there is no topic:nothing",
                 "samepage set c 1; samepage stat topic:nothing\n"
                 "status=$?; samepage rm cell:c; exit $status");
    SCRIPT_FAILS(2, "no time", "samepage stat topic:t --interval never");
    SCRIPT_FAILS(2, "no number", "samepage top --batch -n 0");
    SCRIPT_FAILS(2, "there is no command", "samepage publish t");
}
