# Words of 32 bits, which this machine's own processor executes too. The kernel's headers serve both
# widths, but lie where only the compiler of one looks for them.
set(CMAKE_SYSTEM_PROCESSOR i386)
set(CMAKE_C_COMPILER gcc)
set(CMAKE_C_FLAGS_INIT "-m32 -idirafter /usr/include/x86_64-linux-gnu")
set(PORT_ROOT /usr/lib32)
include(${CMAKE_CURRENT_LIST_DIR}/linux.cmake)
