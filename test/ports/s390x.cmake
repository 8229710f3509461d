set(CMAKE_SYSTEM_PROCESSOR s390x)
set(CMAKE_C_COMPILER s390x-linux-gnu-gcc)
set(PORT_ROOT /usr/s390x-linux-gnu)
include(${CMAKE_CURRENT_LIST_DIR}/linux.cmake)
