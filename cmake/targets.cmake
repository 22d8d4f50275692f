# longshot_library(NAME SOURCES... LINK libs...): the one CMake target of a folder.
function(longshot_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC longshot_flags ${ARG_LINK})
endfunction()
