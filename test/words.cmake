# The same program once more, with words of 32 bits and the library's sources in it, for test-words.
# Left out where the compiler cannot (Debian: gcc-12-multilib), or with a sanitizer.
include(CheckCSourceCompiles)

if(CMAKE_SIZEOF_VOID_P EQUAL 8 AND NOT SAMEPAGE_SANITIZE AND NOT SAMEPAGE_SEAM
   AND TARGET test-words)
  # The kernel's headers serve both widths, but lie where only one looks for them.
  set(words_options -m32)
  if(CMAKE_LIBRARY_ARCHITECTURE)
    list(APPEND words_options -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
  endif()
  list(JOIN words_options " " CMAKE_REQUIRED_FLAGS)
  set(CMAKE_REQUIRED_LINK_OPTIONS -m32)
  check_c_source_compiles("#include <stdio.h>
    #include <sys/syscall.h>
    _Static_assert(sizeof(void *) == 4, \"32 bits\");
    int main(void) { puts(\"\"); return 0; }" SAMEPAGE_HAVE_M32)
  unset(CMAKE_REQUIRED_FLAGS)
  unset(CMAKE_REQUIRED_LINK_OPTIONS)
  if(SAMEPAGE_HAVE_M32)
    get_target_property(words_sources samepage_objects SOURCES)
    list(TRANSFORM words_sources PREPEND ${PROJECT_SOURCE_DIR}/src/ REGEX "^[^/]")
    add_executable(test-words-32 process/words.c ${words_sources})
    target_include_directories(test-words-32 PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}
      ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(test-words-32 PRIVATE samepage_flags Threads::Threads)
    target_compile_options(test-words-32 PRIVATE ${words_options})
    target_link_options(test-words-32 PRIVATE -m32)
    add_dependencies(test-words test-words-32)
    target_compile_definitions(test-words PRIVATE OTHER_WORDS="$<TARGET_FILE:test-words-32>")
  endif()
endif()
