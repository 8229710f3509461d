# variables.sh: the variables of PHP's sysvshm. Sourced.

VARIABLE_TESTS=11

variable_tests() {
    [ -f "$root/include/samepage/php.h" ] || {
        skip $VARIABLE_TESTS 'the library has no php.h'
        return
    }
    is_there php && php -r 'exit(extension_loaded("sysvshm") ? 0 : 1);' || {
        skip $VARIABLE_TESTS 'PHP with sysvshm'
        return
    }
    must_compile cc -std=c11 -D_DEFAULT_SOURCE -o "$work/variables" ours_variables.c "$library"
    fresh
    their_values
    our_values
    expect 'PHP overwrites and removes what we put' php_changes_ours
    expect 'we overwrite and remove what PHP put' we_change_theirs
    expect 'what has no room leaves what was there' no_room
    expect 'a segment that is not of PHP is refused' not_variables
    expect 'a record that cannot be right is refused' broken_record
}

variables() { timeout 60 "$work/variables" "$@"; }
php_variables() { timeout 60 php variables.php "$@"; }

# PHP makes the segment, and we read.
their_values() {
    expect 'PHP makes a set of variables' php_variables format "$key" 5000
    expect 'we read what PHP put: null, bool, int, float, string' we_read
    expect 'we see an array as its bytes' we_read_one '[1, "two"]' \
        'other:a:2:{i:0;i:1;i:1;s:3:"two";}'
    php_variables rm "$key"
}

we_read_one() { # EXPRESSION WANTED
    php_variables put "$key" 7 "$1" && is "$2" variables get "sysv:$key" 7
}

we_read() {
    we_read_one null null && we_read_one true true && we_read_one false false &&
        we_read_one -42 i:-42 && we_read_one PHP_INT_MIN i:-9223372036854775808 &&
        we_read_one 0.1 d:0.10000000000000001 && we_read_one -INF d:-inf &&
        we_read_one "'it is \"quoted\";'" 's:it is "quoted";' && we_read_one "''" s: &&
        we_read_one "str_repeat('y', 3000)" "s:$(printf '%3000s' '' | tr ' ' y)" &&
        refuses ENOENT variables get "sysv:$key" 8
}

# We make it, and PHP reads.
our_values() {
    expect 'we make a set of variables' variables format "sysv:$key" 5000
    expect 'PHP reads what we put: null, bool, int, float, string' php_reads
    expect 'we keep variables apart' variables_apart
    php_variables rm "$key"
}

php_reads_one() { # WORD WANTED
    variables put "sysv:$key" -5 "$1" && is "$2" php_variables get "$key" -5
}

php_reads() {
    php_reads_one null NULL && php_reads_one true true && php_reads_one false false &&
        php_reads_one i:-42 -42 && php_reads_one i:9223372036854775807 9223372036854775807 &&
        php_reads_one d:0.1 0.1 && php_reads_one d:3.1415926535897931 3.141592653589793 &&
        php_reads_one d:-1e300 -1.0E+300 && php_reads_one d:inf INF &&
        php_reads_one 's:a "quote"; and more' "'a \"quote\"; and more'" && php_reads_one s: "''"
}

variables_apart() {
    for variable in 1 2 3 4 5 6 7 8 9; do
        variables put "sysv:$key" $variable "i:$((variable * 11))" || return
    done
    variables put "sysv:$key" 4 's:longer than the one before' && variables remove "sysv:$key" 2 &&
        is 99 php_variables get "$key" 9 && is no php_variables has "$key" 2 &&
        is "'longer than the one before'" php_variables get "$key" 4
}

with_variables() { # with_variables COMMAND...: a set for one test
    php_variables format "$key" 5000 || return
    "$@"
    result=$?
    php_variables rm "$key" && return $result
}

php_changes_ours() { with_variables php_changes; }
php_changes() {
    variables put "sysv:$key" 1 s:first && variables put "sysv:$key" 2 s:second &&
        php_variables put "$key" 1 "'longer than first'" && php_variables remove "$key" 2 &&
        is 's:longer than first' variables get "sysv:$key" 1 &&
        refuses ENOENT variables get "sysv:$key" 2
}

we_change_theirs() { with_variables we_change; }
we_change() {
    php_variables put "$key" 1 "'first'" && php_variables put "$key" 2 "'second'" &&
        variables put "sysv:$key" 1 i:1 && variables remove "sysv:$key" 2 &&
        is 1 php_variables get "$key" 1 && is no php_variables has "$key" 2
}

no_room() { with_variables fill_up; }
fill_up() {
    variables put "sysv:$key" 1 i:1 && filled=$(variables fill "sysv:$key" 2) &&
        is "${filled#full }" php_variables length "$key" 2 && is 1 php_variables get "$key" 1
}

not_variables() {
    ours make "sysv:$key" 4096 && refuses ETYPE variables get "sysv:$key" 1 && ours rm "sysv:$key"
}

broken_record() { with_variables break_record; }
break_record() {
    php_variables put "$key" 1 "'first'" && ours write "sysv:$key" 56 xxxxxxxx &&
        refuses ECORRUPT variables get "sysv:$key" 1 &&
        refuses ECORRUPT variables put "sysv:$key" 2 i:1
}
