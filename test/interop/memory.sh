# memory.sh: segments, program by program. Sourced.

hexadecimal() { printf '0x%08x' "$1"; }

# ---- System V ------------------------------------------------------------------------------------

system_v_tests() {
    they() { timeout 60 "$work/plain" "$@"; }
    fresh
    play 'shmget with a number' "sysv:$key" "sysv:$key" 200000
    play 'shmget with ftok' "sysv:$work/key-$number#7" "ftok:$work/key-$number:7" 1000
    expect 'another ftok number is another segment' other_ftok_number
    expect 'what a C program removed while attached stays ours' held_by_us
    expect 'what we removed while attached stays theirs' held_by_them
    expect 'a removed key is free while the old one is attached' key_is_free
    expect 'ipcs shows our key, size and mode' shown_by_ipcs
    expect 'we open what ipcmk made, by its key and by its id' made_by_ipcmk
    expect 'ipcrm removes ours while it is open' removed_by_ipcrm
}

other_ftok_number() {
    ours make "sysv:$work/key-$number#7" 4096 &&
        refuses '' they size "ftok:$work/key-$number:8" && ours rm "sysv:$work/key-$number#7"
}

# hold NAME COMMAND...: while we hold NAME, the command runs; then we read 5 bytes at 0.
hold() {
    held=$1
    shift
    mkfifo "$work/lines" || return
    timeout 20 "$work/ours" hold "$held" <"$work/lines" >"$work/held" 2>&1 &
    holder=$!
    exec 3>"$work/lines"
    rm "$work/lines"
    for _ in 1 2 3 4 5 6 7 8 9 10; do grep -q held "$work/held" || sleep 0.1; done
    "$@"
    status=$?
    echo 'read 0 5' >&3
    exec 3>&-
    wait $holder && [ $status = 0 ] && is 'held
stays' cat "$work/held"
}

held_by_us() {
    ours make "sysv:$key" 4096 && ours write "sysv:$key" 0 stays &&
        hold "sysv:$key" they rm "sysv:$key" && refuses 'No such file' ours size "sysv:$key"
}

held_by_them() {
    they make "sysv:$key" 4096 && they write "sysv:$key" 0 stays &&
        is stays they remove-held "sysv:$key" 0 5 && refuses 'No such file' ours size "sysv:$key"
}

remove_and_make_again() {
    ours rm "sysv:$key" && they make "sysv:$key" 8192 && is 8192 ours size "sysv:$key" &&
        they rm "sysv:$key"
}

key_is_free() {
    ours make "sysv:$key" 4096 && ours write "sysv:$key" 0 stays &&
        hold "sysv:$key" remove_and_make_again
}

ipcs_line() { ipcs -m | awk -v key="$(hexadecimal "$key")" '$1 == key { print $4, $5, $6 }'; }

shown_by_ipcs() {
    ours make "sysv:$key" 5000 && is '600 5000 0' ipcs_line &&
        ours write "sysv:$key" 0 stays && hold "sysv:$key" is '600 5000 1' ipcs_line &&
        ours rm "sysv:$key" && is '' ipcs_line
}

made_by_ipcmk() {
    id=$(ipcmk -M 6000 -p 0600 | sed 's/.*: //') &&
        made=$(ipcs -m | awk -v id="$id" '$2 == id { print $1 }') &&
        is 6000 ours size "sysv:id=$id" && is 6000 ours size "sysv:$made" &&
        ours write "sysv:$made" 0 text && is text ours read "sysv:id=$id" 0 4 &&
        ours rm "sysv:$made" && refuses '' ipcrm -m "$id"
}

removed_by_ipcrm() {
    ours make "sysv:$key" 4096 && ours write "sysv:$key" 0 stays &&
        hold "sysv:$key" ipcrm -M "$(hexadecimal "$key")" &&
        refuses 'No such file' ours size "sysv:$key"
}

# ---- POSIX ---------------------------------------------------------------------------------------

posix_tests() {
    they() { timeout 60 "$work/plain" "$@"; }
    fresh
    play shm_open "posix:/$name" "posix:/$name" 200000
    play 'shm_open without a slash' "posix:$name" "posix:$name" 1000
    expect 'what a C program unlinks stays ours' unlinked_by_them
    expect 'a segment has no bytes but those of its user' bare_file
}

unlinked_by_them() {
    ours make "posix:/$name" 4096 && ours write "posix:/$name" 0 stays &&
        hold "posix:/$name" they rm "posix:/$name" &&
        refuses 'No such file' ours size "posix:/$name"
}

bare_file() {
    ours make "posix:/$name" 5001 && is 5001 stat -c %s "/dev/shm/$name" &&
        is 600 stat -c %a "/dev/shm/$name" &&
        is 5001 sh -c "tr -dc '\\000' <'/dev/shm/$name' | wc -c" && ours rm "posix:/$name"
}

# ---- Boost.Interprocess --------------------------------------------------------------------------

boost_tests() {
    they() { timeout 60 "$work/boost" "$@"; }
    fresh
    compile c++ -std=c++17 -o "$work/boost" boost.cpp -lrt >"$work/out" 2>&1 || {
        skip 7 "Boost.Interprocess: $(head -1 "$work/out")"
        return
    }
    play 'Boost shared_memory_object' "posix:/$name" "object:$name" 200000
    play 'Boost xsi_shared_memory' "sysv:$work/key-$number#9" "xsi:$work/key-$number:9" 1000
    expect 'a Boost mapped_region begins anywhere in ours' region_with_offset
}

region_with_offset() {
    ours make "posix:/$name" 12288 && ours write "posix:/$name" 5000 'inside' &&
        is inside they region "object:$name" 5000 6 && ours rm "posix:/$name"
}

# ---- CPython -------------------------------------------------------------------------------------

python_tests() {
    they() { timeout 60 python3 python.py "$@"; }
    fresh
    python3 -c 'import multiprocessing.shared_memory' 2>"$work/out" || {
        skip 6 'Python: no multiprocessing.shared_memory'
        return
    }
    play 'multiprocessing.shared_memory' "posix:/$name" "$name" 2000 "flock:$work/lock"
    expect 'the resource tracker leaves ours alone' tracker_leaves_ours
    expect 'a tracked attachment takes our name, not our memory' tracker_takes_the_name
    expect "closing leaves Python's own to Python" closing_leaves_theirs
}

# The tracker is a process of its own, which ends a moment after the one that it looks after.
tracker_leaves_ours() {
    ours make "posix:/$name" 4096 && they size "$name" && they write "$name" 0 python && sleep 1 &&
        is python ours read "posix:/$name" 0 6 && ours rm "posix:/$name"
}

tracked() {
    timeout 60 env TRACKED=1 python3 python.py size "$name" 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do [ ! -e "/dev/shm/$name" ] || sleep 0.2; done
}

tracker_takes_the_name() {
    ours make "posix:/$name" 4096 && ours write "posix:/$name" 0 stays &&
        hold "posix:/$name" tracked && refuses 'No such file' ours size "posix:/$name"
}

closing_leaves_theirs() {
    they make "$name" 4096 && ours write "posix:/$name" 0 'ours' && is ours they read "$name" 0 4 &&
        they rm "$name"
}

# ---- PHP -----------------------------------------------------------------------------------------

php_tests() {
    they() { timeout 60 php shmop.php "$@"; }
    fresh
    is_there php && php -r 'exit(extension_loaded("shmop") ? 0 : 1);' || {
        skip 6 'PHP with shmop'
        return
    }
    play 'PHP shmop with a number' "sysv:$key" "$key" 2000 "flock:$work/lock"
    play 'PHP shmop with ftok' "sysv:$work/key-$number#82" "$work/key-$number:R" 200 \
        "flock:$work/lock"
    case $(ours size php:1 2>&1) in *'begins with its kind'*)
        skip 4 'the library has no php: names'
        return ;;
    esac
    expect 'php: with a number opens what PHP made' we_open_theirs "php:$key" "$key"
    expect 'php: with a negative number is the same key to both' \
        they_open_ours "php:-$key" "-$key"
    expect 'php: with a letter is what ftok makes of it in PHP' \
        they_open_ours "php:$work/key-$number#R" "$work/key-$number:R"
    expect 'php: names that cannot be are refused' php_names_refused
}

php_names_refused() {
    for wrong in php: php:0 php:x "php:/etc/hosts" "php:/etc/hosts#" "php:/etc/hosts#RR" \
        php:4294967296; do
        refuses 'php:' ours size "$wrong" || return
    done
}

# ---- Perl, Ruby, Node ----------------------------------------------------------------------------

script_tests() {
    fresh
    they() { timeout 60 perl perl.pl "$@"; }
    if perl -MIPC::SharedMem -e 1 2>/dev/null
    then play Perl "sysv:$key" "$key" 2000 "flock:$work/lock"
    else skip 3 'Perl with IPC::SharedMem'
    fi
    they() { timeout 60 ruby ruby.rb "$@"; }
    if ruby -rfiddle -e 1 2>/dev/null
    then play Ruby "posix:/$name" "/$name" 2000 "flock:$work/lock"
    else skip 3 'Ruby with Fiddle'
    fi
    they() { timeout 60 node node.js "$@"; }
    if is_there node
    then play Node "posix:/$name" "/dev/shm/$name" 1000 "file:$work/exclusive"
    else skip 3 Node
    fi
}
