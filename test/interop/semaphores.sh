# semaphores.sh: the system's semaphores, program by program. Sourced.

SEMAPHORE_TESTS=26

semaphore_tests() {
    [ -f "$root/include/samepage/system_semaphore.h" ] || {
        skip $SEMAPHORE_TESTS 'the library has no system_semaphore.h'
        return
    }
    must_compile cc -std=c11 -D_DEFAULT_SOURCE -o "$work/semaphore" ours_semaphore.c "$library"
    must_compile cc -std=c11 -D_DEFAULT_SOURCE -o "$work/plain-semaphore" plain_semaphore.c
    plain_semaphore_tests
    boost_semaphore_tests
    php_semaphore_tests
    fresh
    expect 'who waits for a semaphore that is removed is told so' removed_while_waited_for
    expect "a set of one is not PHP's" not_of_php
}

we() { timeout 60 "$work/semaphore" "$@"; }

# ---- scenes: NAME is ours, PLACE theirs of one semaphore -----------------------------------------

# begin COMMAND...: starts what holds the semaphore until `finish`.
begin() {
    mkfifo "$work/end" || return
    "$@" <"$work/end" >"$work/held" 2>&1 &
    holder=$!
    exec 3>"$work/end"
    rm "$work/end"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        grep -q held "$work/held" && return
        sleep 0.1
    done
    echo "$* did not begin"
    cat "$work/held"
    return 1
}

finish() {
    exec 3>&-
    wait $holder
}

they_exclude_us() { # NAME PLACE
    we make "$1" 1 && begin they hold "$2" && is busy we try "$1" && finish &&
        is '' we try "$1" && we rm "$1" && refuses ENOENT we try "$1"
}

we_exclude_them() { # NAME PLACE
    they make "$2" 1 && begin we hold "$1" && is busy they try "$2" && finish &&
        is '' they try "$2" && they rm "$2" && refuses ENOENT we try "$1"
}

both_count_under_it() { # NAME PLACE
    echo 0 >"$work/number"
    we make "$1" 1 || return
    we count "$1" "$work/number" 500 &
    they count "$2" "$work/number" 500
    theirs=$?
    wait $! && [ $theirs = 0 ] && is 1000 cat "$work/number"
    counted=$?
    we rm "$1" && return $counted
}

# kill_holder COMMAND...: what it took goes with it, or comes back.
kill_holder() {
    begin "$@" || return
    kill -KILL "$(sed -n 's/^held //p' "$work/held")"
    wait $holder
    [ $? = 137 ] || { echo 'it was not killed'; return 1; }
    exec 3>&-
}

their_death_gives_back() { # NAME PLACE
    we make "$1" 1 && kill_holder they hold "$2" && is '' we try "$1" && we rm "$1"
}

our_death_gives_back() { # NAME PLACE
    they make "$2" 1 && kill_holder we hold "$1" && is '' they try "$2" && they rm "$2"
}

exclude() { # exclude WHO NAME PLACE
    expect "$1 excludes us" they_exclude_us "$2" "$3"
    expect "we exclude $1" we_exclude_them "$2" "$3"
    expect "$1 and we count exactly" both_count_under_it "$2" "$3"
}

give_back() { # give_back WHO NAME PLACE
    expect "what $1 took comes back when it is killed" their_death_gives_back "$2" "$3"
    expect "what we took of $1 comes back when we are killed" our_death_gives_back "$2" "$3"
}

# ---- programs ------------------------------------------------------------------------------------

plain_semaphore_tests() {
    they() { timeout 60 "$work/plain-semaphore" "$@"; }
    fresh
    exclude sem_open "posix:/$name" "posix:/$name"
    expect 'sem_open and we see the same value' same_value "posix:/$name"
    exclude semop "sysv:$key" "sysv:$key"
    expect 'semop and we see the same value' same_value "sysv:$key"
    give_back semop "sysv:$key" "sysv:$key"
}

same_value() {
    we make "$1" 3 && is 3 they value "$1" && we rm "$1" &&
        they make "$1" 0 && is 0 we value "$1" && is busy we try "$1" && they rm "$1"
}

boost_semaphore_tests() {
    they() { timeout 60 "$work/boost-semaphore" "$@"; }
    fresh
    compile c++ -std=c++17 -o "$work/boost-semaphore" boost_semaphore.cpp -lrt \
        >"$work/out" 2>&1 || {
        skip 6 "Boost.Interprocess: $(head -1 "$work/out")"
        return
    }
    exclude "Boost's named_mutex" "posix:/$name" "mutex:$name"
    exclude "Boost's named_semaphore" "posix:/$name" "semaphore:$name"
}

php_semaphore_tests() {
    they() { timeout 60 php semaphore.php "$@"; }
    fresh
    is_there php && php -r 'exit(extension_loaded("sysvsem") ? 0 : 1);' || {
        skip 8 'PHP with sysvsem'
        return
    }
    exclude 'sem_get with a number' "php:$key" "$key"
    give_back 'sem_get with a number' "php:$key" "$key"
    exclude 'sem_get with ftok' "php:$work/key-$number#R" "$work/key-$number:R"
}

removed_while_waited_for() {
    we make "sysv:$key" 0 || return
    we wait "sysv:$key" >"$work/told" &
    sleep 0.3
    we rm "sysv:$key" && wait $! && is SPG_ECLOSED cat "$work/told"
}

not_of_php() {
    we make "sysv:$key" 1 && refuses ETYPE we try "php:$key" && we rm "sysv:$key"
}
