# Build options and compiler settings, in one place.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

option(LONGSHOT_TESTS "Build the tests" ON)
option(LONGSHOT_WERROR "Warnings are errors" ON)
set(LONGSHOT_SANITIZE "" CACHE STRING "Sanitizers for the whole build: address,undefined or thread")
set(LONGSHOT_FUZZ OFF CACHE BOOL "Build the libFuzzer targets (clang only)")
set(LONGSHOT_PLANTED_BUG "" CACHE STRING "Loader bug to plant, for the proof that fuzzing finds it")

find_program(CCACHE ccache)
if(CCACHE)
  # The tests' precompiled headers are cached only when ccache may ignore time stamps inside them.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

add_library(longshot_flags INTERFACE)
target_include_directories(longshot_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(longshot_flags INTERFACE -Wall -Wextra -Wpedantic -Wno-unused-parameter
  $<$<BOOL:${LONGSHOT_WERROR}>:-Werror>)
# Bitwise reproducibility: the compiler may not fuse or reorder what the source does not.
target_compile_options(longshot_flags INTERFACE -ffp-contract=off)
target_link_libraries(longshot_flags INTERFACE fmt::fmt Threads::Threads)
if(LONGSHOT_SANITIZE)
  # GCC 12 reports the standard library's own members as uninitialised once its checks are instrumented.
  target_compile_options(longshot_flags INTERFACE -fsanitize=${LONGSHOT_SANITIZE} -fno-omit-frame-pointer -g1
    -fno-sanitize-recover=all $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(longshot_flags INTERFACE -fsanitize=${LONGSHOT_SANITIZE})
endif()
