# scenes.sh: building, counting, and the scenes that every other program plays with us. Sourced.

build() {
    SAMEPAGE_BUILD=${SAMEPAGE_BUILD:-$work/library}
    library=$SAMEPAGE_BUILD/src/libsamepage.a
    [ -f "$library" ] || build_library || exit 1
    must_compile cc -std=c11 -D_DEFAULT_SOURCE -o "$work/ours" ours.c "$library"
    must_compile cc -std=c11 -D_DEFAULT_SOURCE -o "$work/plain" plain.c
}

build_library() {
    cmake -S "$root" -B "$SAMEPAGE_BUILD" -DCMAKE_BUILD_TYPE=Release >"$work/out" 2>&1 &&
        cmake --build "$SAMEPAGE_BUILD" --parallel 2 --target samepage_static >>"$work/out" 2>&1 ||
        { cat "$work/out" >&2; return 1; }
}

compile() { # compile COMPILER WORD...
    compiler=$1
    shift
    "$compiler" -O2 -Wall -Wextra -I"$root/include" "$@"
}

must_compile() { compile "$@" >"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; }; }

# expect WHAT COMMAND...: one test.
expect() {
    what=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        passed=$((passed + 1))
        [ "$verbose" = -v ] && echo "passed: $what"
    else
        failed=$((failed + 1))
        echo "interop: $what"
        sed 's/^/    /' "$work/out"
    fi
    return 0
}

skip() { # skip COUNT WHY
    skipped=$((skipped + $1))
    echo "interop: skipped: $2"
}

is_there() { command -v "$1" >/dev/null 2>&1; }

# is TEXT COMMAND...: the command succeeds and prints TEXT.
is() {
    wanted=$1
    shift
    got=$("$@") && [ "$got" = "$wanted" ] && return
    echo "$*: wanted '$wanted', got '$got'"
    return 1
}

refuses() { # refuses TEXT COMMAND...: it fails and says TEXT
    wanted=$1
    shift
    if got=$("$@" 2>&1); then
        echo "$*: succeeded"
        return 1
    fi
    case $got in *"$wanted"*) ;; *) echo "$*: said '$got'"; return 1 ;; esac
}

ours() { timeout 60 "$work/ours" "$@"; }

# A number of our own, for names and keys: of this process and of this test.
fresh() {
    number=$((number + 1))
    name=samepage-interop-$$-$number
    key=$((0x50000000 + $$ % 65536 * 4096 + number))
    : >"$work/key-$number"
}

# ---- scenes: `they COMMAND PLACE ...` is the other program; NAME is ours, PLACE theirs

they_open_ours() { # NAME PLACE
    ours make "$1" 5000 && ours write "$1" 8 'from us' &&
        is 5000 they size "$2" && is 'from us' they read "$2" 8 7 &&
        they write "$2" 4990 'answer' && is answer ours read "$1" 4990 6 &&
        ours rm "$1" && refuses '' they size "$2"
}

we_open_theirs() { # NAME PLACE
    they make "$2" 5000 && they write "$2" 8 'from them' &&
        is 5000 ours size "$1" && is 'from them' ours read "$1" 8 9 &&
        ours write "$1" 4990 'answer' && is answer they read "$2" 4990 6 && they rm "$2" &&
        refuses 'No such file' ours size "$1"
}

both_count() { # NAME PLACE COUNT [LOCK]: exactly twice COUNT
    ours make "$1" 4096 || return
    ours add "$1" 64 "$3" ${4+"$4"} &
    they add "$2" 64 "$3" ${4+"$4"}
    theirs=$?
    wait $! && [ $theirs = 0 ] && is $((2 * $3)) ours word "$1" 64
    counted=$?
    ours rm "$1" && return $counted
}

# play WHO NAME PLACE COUNT [LOCK]: the three scenes.
play() {
    expect "$1 opens what we made" they_open_ours "$2" "$3"
    expect "we open what $1 made" we_open_theirs "$2" "$3"
    expect "$1 and we count exactly" both_count "$2" "$3" "$4" ${5+"$5"}
}

leaves_nothing() {
    expect 'no segment, semaphore or file is left' nothing_is_left
}

# The keys of this process begin like this.
key_digits() { printf '0x%x' $((0x50000000 + $$ % 65536 * 4096)) | cut -c1-7; }

# What tests that failed have left.
sweep() {
    rm -f "/dev/shm/samepage-interop-$$-"* "/dev/shm/sem.samepage-interop-$$-"*
    for left in $(ipcs -m | grep "^$(key_digits)" | cut -d' ' -f1); do ipcrm -M "$left"; done
    for left in $(ipcs -s | grep "^$(key_digits)" | cut -d' ' -f1); do ipcrm -S "$left"; done
    for file in "$work"/key-*; do
        for letter in 7 9 82; do "$work/ours" rm "sysv:$file#$letter"; done
        [ ! -x "$work/semaphore" ] || "$work/semaphore" rm "php:$file#R"
    done
} >/dev/null 2>&1

nothing_is_left() {
    left=$(ls /dev/shm | grep -E "^(sem\.)?samepage-interop-$$-"
        ls "$domain" | grep -v '^nodes$'
        ipcs -m -s | grep "^$(key_digits)")
    [ -z "$left" ] || { echo "$left"; return 1; }
}
