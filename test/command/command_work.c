/* command_work.c: samepage push and pop, serve and call. */
#include "command.h"

/* ---- queues ---------------------------------------------------------------------------------- */

TEST(jobs_are_given_out_in_order_and_once) {
    SCRIPT("1\n2\n3\nfour\n",
           "seq 3 | samepage push q; samepage push queue:q four; samepage pop q\n"
           "samepage pop q --count 2; samepage pop q --follow --wait 0; samepage gc >$D/gc");
}

TEST(pieces_of_any_bytes_are_jobs) {
    SCRIPT("same\n", "head -c 300000 /dev/urandom >$D/in; samepage push q --frame 64K <$D/in\n"
                     "samepage pop q --follow --wait 0 --raw | cmp - $D/in && echo same");
}

TEST(the_job_of_a_killed_worker_comes_back) {
    SCRIPT("2 work\n",
           "samepage push q work\n"
           "samepage pop q --exec -- sh -c 'echo >$0; exec sleep 60' $D/began & pop=$!\n" AWAIT
           "await test -f $D/began; kill -9 $pop; wait $pop 2>/dev/null\n"
           "samepage pop q --json --wait 20s |\n"
           "  sed -E 's/.*\"deliveries\": ([0-9]+),.*\"text\": \"(.*)\".*/\\1 \\2/'\n"
           "samepage gc >/dev/null");
}

TEST(a_job_is_done_only_if_its_command_succeeds) {
    SCRIPT("1\nwork\nwork\n0\n", "samepage push q work\n"
                                 "samepage pop q --exec -- false 2>/dev/null; echo $?\n"
                                 "samepage pop q --exec -- cat; echo; samepage push q work; \n"
                                 "samepage pop q --exec -- sh -c 'cat; echo'; echo $?");
    SCRIPT_FAILS(1, "given up",
                 "samepage push q bad; samepage pop q --tries 1 --exec -- false; status=$?\n"
                 "samepage pop q --wait 0 2>/dev/null && exit 3; exit $status");
}

TEST(several_workers_share_the_jobs) {
    SCRIPT("500 500\n",
           "for i in 1 2 3 4; do samepage pop q --follow >$D/$i & pids=\"${pids:-} $!\"; done\n"
           "seq 500 | samepage push q\n" AWAIT
           "await sh -c '[ $(cat $0/[1-4] | wc -l) = 500 ]' $D; kill $pids; wait $pids\n"
           "echo $(cat $D/[1-4] | wc -l) $(cat $D/[1-4] | sort -u | wc -l)");
}

TEST(wrong_use_of_queues_is_told) {
    SCRIPT_FAILS(1, "no job", "samepage pop q --wait 100ms");
    SCRIPT_FAILS(2, "--exec", "samepage pop q cat");
    SCRIPT_FAILS(2, "--exec", "samepage pop q --exec");
    SCRIPT_FAILS(2, "--tries", "samepage pop q --tries 2");
    SCRIPT_FAILS(2, "VALUE", "samepage push q job --frame 64K");
    SCRIPT_FAILS(1, "no room",
                 "yes | samepage push q --slots 4 --wait 100ms; status=$?\n"
                 "samepage pop q --follow --wait 0 >/dev/null; exit $status");
}

TEST(an_interrupted_pop_says_nothing) {
    SCRIPT("130 0\n", "samepage pop q 2>$D/said & pop=$!\n" AWAIT
                    "await samepage stat queue:q; kill -INT $pop\n"
                    "wait $pop && status=0 || status=$?; echo $status $(wc -c <$D/said)");
}

/* ---- services -------------------------------------------------------------------------------- */

#define SERVE(command) "samepage serve s " command " & server=$!\n"

#define CALL_AND_STOP                                                                              \
    "samepage call s x --timeout 20s; status=$?; kill $server; wait $server 2>/dev/null\n"         \
    "exit $status"

TEST(a_command_answers) {
    SCRIPT("HELLO\nTHREE\nLINES\nHERE\n143\n",
           SERVE("-- tr a-z A-Z") "echo $(samepage call s hello --timeout 20s)\n"
                                  "printf 'three\\nlines\\nhere\\n' | samepage call service:s\n"
                                  "kill $server; wait $server; echo $?");
}

TEST(large_requests_and_answers_go_through) {
    SCRIPT("same\n", SERVE("-- cat") "head -c 1000000 /dev/urandom >$D/in\n"
                                     "samepage call s --timeout 20s <$D/in | cmp - $D/in &&\n"
                                     "echo same; kill $server; wait $server || true");
}

TEST(several_servers_answer_at_once) {
    SCRIPT(
        "1\n2\n3\n4\n",
        SERVE(
            "--parallel 4 -- sh -c 'read n; while [ $(ls $0 | wc -l) -lt 4 ]; do\n"
            "  : >$0/$n; sleep 0.02; done; echo $n' $D/here") "mkdir $D/here; for i in 1 2 3 4; "
                                                              "do\n"
                                                              "  echo $i | samepage call s "
                                                              "--timeout 20s >$D/$i & "
                                                              "calls=\"${calls:-} $!\"\n"
                                                              "done; wait $calls; cat $D/[1-4]; "
                                                              "kill $server; wait $server || true");
}

TEST(a_failing_command_is_told_to_the_caller) {
    SCRIPT_FAILS(1, "ended with status 3", SERVE("-- sh -c 'exit 3' 2>/dev/null") CALL_AND_STOP);
    SCRIPT_FAILS(1, "could not be run", SERVE("-- $D/nothing 2>/dev/null") CALL_AND_STOP);
}

#define DIES_AT_WORK(call)                                                                         \
    AWAIT SERVE("-- sh -c 'echo >$0; exec sleep 60' $D/began") "await samepage stat service:s\n"   \
                                                               "await sh -c 'samepage stat "       \
                                                               "service:s -i 0 | grep server'\n"   \
                                                               "{ await test -f $D/began; kill "   \
                                                               "-9 $server; } &\n" call            \
                                                               " 2>$D/errors; status=$?\n"         \
                                                               "wait $server 2>/dev/null; cat "    \
                                                               "$D/errors >&2; exit $status"

TEST(a_killed_server_is_told_to_the_caller) {
    SCRIPT_FAILS(1, "the server died", DIES_AT_WORK("samepage call s x"));
    SCRIPT_FAILS(1, "the server died", DIES_AT_WORK("samepage call s x --timeout 60s"));
}

TEST(a_service_without_a_server_is_told) {
    SCRIPT_FAILS(1, "nobody serves it", "samepage call s x");
    SCRIPT_FAILS(1, "no answer in time", "samepage call s x --timeout 100ms");
    SCRIPT_FAILS(2, "something is missing", "samepage serve s");
}
