# Compiler, linker and cache settings shared by every target.

# The cache is shared by all checkouts: paths below this folder are made relative before they are hashed, and the
# build folder does not count, so that a fresh clone elsewhere finds what this one compiled.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=time_macros
      CCACHE_COMPRESSLEVEL=1 ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

add_library(perdure_compiler INTERFACE)
target_compile_options(perdure_compiler INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Werror
  -fno-omit-frame-pointer -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports uninitialised members of std::variant and std::optional that are not read.
  target_compile_options(perdure_compiler INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
    -Wno-array-bounds)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(perdure_compiler INTERFACE NDEBUG)
endif()
if(PERDURE_SANITIZE)
  add_compile_options(-fsanitize=${PERDURE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PERDURE_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_link_options(-static-libstdc++ -static-libgcc)
endif()
if(PERDURE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
