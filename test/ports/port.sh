# port.sh: how each port is compiled and run; read by check and mixed, which set `here`, `root`,
# `builds` and `work`.
# After set_port NAME: `build`, its folder; PORT_EMULATOR, the command before its programs;
# PORT_REFUSE, a command that keeps from its processes what the emulator does wrongly.

flags='-O2 -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Wall -Wextra -Werror'

is_emulated() { [ -f "/usr/$1-linux-gnu/include/stdio.h" ] && [ "$1" != "$(uname -m)" ]; }

set_port() {
    PORT=$1
    build=$builds/$1
    PORT_EMULATOR=
    PORT_REFUSE=
    export PORT PORT_EMULATOR
    unset QEMU_LD_PREFIX
    mkdir -p "$build"
    is_emulated "$1" || return 0
    PORT_EMULATOR=$(command -v "qemu-$1")
    export QEMU_LD_PREFIX="/usr/$1-linux-gnu"
    [ "$1" != s390x ] || PORT_REFUSE=$build/refuse
}

# The port's compiler, for single files.
compiler() {
    case $1 in
    i386) echo 'gcc -m32 -idirafter /usr/include/x86_64-linux-gnu' ;;
    musl) echo "musl-gcc -isystem $build/headers" ;;
    native) echo gcc ;;
    *) echo "$1-linux-gnu-gcc" ;;
    esac
}

can_compile() { # can_compile COMPILER...
    echo 'int main(void) { return 0; }' | "$@" -x c -o /dev/null - 2>/dev/null
}

# Says what the machine lacks for the port; succeeds if that is nothing.
port_lacks() {
    case $1 in
    mixed | native) return 0 ;;
    i386) echo 'compiler for words of 32 bits (gcc-NN-multilib)' && can_compile gcc -m32 ;;
    musl) echo 'musl-gcc' && can_compile musl-gcc ;;
    *) echo "$1-linux-gnu-gcc and qemu-$1" && can_compile "$1-linux-gnu-gcc" &&
        command -v "qemu-$1" >/dev/null ;;
    esac
}

link_headers() {
    mkdir -p "$build/headers"
    ln -sfn /usr/include/linux "$build/headers/linux"
    ln -sfn /usr/include/asm-generic "$build/headers/asm-generic"
    ln -sfn "/usr/include/$(uname -m)-linux-gnu/asm" "$build/headers/asm"
}

# What runs beside the library's own programs.
build_helpers() {
    cc=$(compiler "$1")
    # Unquoted: some words.
    $cc $flags -o "$build/facts" "$here/facts.c" || return
    [ -n "$PORT_EMULATOR" ] || return 0
    gcc $flags -o "$build/refuse" "$here/refuse.c" &&
        $cc $flags "-DEMULATOR=\"$PORT_EMULATOR\"" -c -o "$build/exec.o" "$here/exec.c"
}

configure() {
    set -- -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DSAMEPAGE_WERROR=ON \
        -DSAMEPAGE_BENCH=OFF
    if [ "$PORT" != native ]; then
        set -- "$@" -DCMAKE_TOOLCHAIN_FILE="$here/$PORT.cmake" -DPORT_HEADERS="$build/headers" \
            -DCMAKE_CROSSCOMPILING_EMULATOR="$here/run"
    fi
    [ -z "$PORT_EMULATOR" ] || set -- "$@" -DCMAKE_EXE_LINKER_FLAGS="$build/exec.o"
    [ -f "$build/Makefile" ] || cmake "$@"
}

# The command is called by scripts of the shell, which know of no emulator.
wrap_command() {
    program=$build/tool/samepage
    [ -n "$PORT_EMULATOR" ] && [ "$(head -c 2 "$program")" != '#!' ] || return 0
    mv "$program" "$program.program" &&
        printf '#!/bin/sh\nexec %s -0 "$0" %s "$@"\n' "$PORT_EMULATOR" "$program.program" \
            >"$program" && chmod +x "$program"
}

# build_port PORT [TARGET...]
build_port() {
    set_port "$1"
    shift
    link_headers && build_helpers "$PORT" && configure || return
    [ $# -eq 0 ] || set -- --target "$@"
    cmake --build "$build" --parallel 2 "$@" && wrap_command
}
