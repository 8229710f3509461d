# Given to CMake as CMAKE_PROJECT_INCLUDE: counts what runs of the library, and of nothing else. The
# counters lie in a file that every process maps, so those of a process that is killed are not lost;
# and they are counted up atomically, or one process would now and then undo what another counted.
set(coverage_flags -fprofile-instr-generate -fcoverage-mapping -fprofile-update=atomic -mllvm
    -runtime-counter-relocation)
cmake_language(DEFER CALL target_compile_options samepage_objects PRIVATE ${coverage_flags})
cmake_language(DEFER CALL target_link_options samepage PRIVATE -fprofile-instr-generate)
cmake_language(DEFER CALL target_link_options samepage_static INTERFACE -fprofile-instr-generate)
