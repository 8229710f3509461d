# The other C library of Linux, on this machine's own processor. Its compiler finds no headers of
# the kernel; PORT_HEADERS is a folder of links to them.
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_C_FLAGS_INIT "-isystem ${PORT_HEADERS}")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PORT_HEADERS)
set(PORT_ROOT /usr/lib/musl)
include(${CMAKE_CURRENT_LIST_DIR}/linux.cmake)
