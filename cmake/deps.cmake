# Every dependency: version on Debian 12, licence, why. Each is wrapped by one module; its headers stay in that
# module's .cc files where possible.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# tl::expected 1.0, CC0: Result<T> until std::expected can be had.                      everywhere, header only
find_path(TL_EXPECTED_INCLUDE tl/expected.hpp REQUIRED)
# xxHash 0.8, BSD-2: checksums of journal records and content hashes.                   base
find_path(XXHASH_INCLUDE xxhash.h REQUIRED)
find_library(XXHASH_LIBRARY NAMES libxxhash.a xxhash REQUIRED)
# RE2 20220601, BSD-3: regular expressions in linear time.                              expr
find_library(RE2_LIBRARY NAMES libre2.a re2 REQUIRED)
# libyaml 0.2, MIT: YAML events with marks (docs/adr/0005: why not yaml-cpp).            loaders
find_path(YAML_INCLUDE yaml.h REQUIRED)
find_library(YAML_LIBRARY NAMES libyaml.a yaml REQUIRED)
# RocksDB 7.8, Apache-2.0: tables behind the journal.                                   storage/embedded
find_path(ROCKSDB_INCLUDE rocksdb/db.h REQUIRED)
find_library(ROCKSDB_LIBRARY NAMES librocksdb.a rocksdb REQUIRED)
foreach(lib IN ITEMS snappy lz4 zstd bz2 z)
  find_library(${lib}_LIBRARY NAMES lib${lib}.a ${lib} REQUIRED)
endforeach()
# libcurl 7.88, curl licence: outgoing HTTP; its open-socket callback holds the guard.  activity/http
find_package(CURL REQUIRED)
# OpenSSL 3.0, Apache-2.0: SHA-256 of plans and blobs, TLS under libcurl.               base, activity/http
find_package(OpenSSL REQUIRED)
# protobuf 3.21, BSD-3: reads .proto files, and turns JSON into messages and back (gRPC itself is a few bytes over libcurl's
# HTTP/2, so that guard, TLS and time limits are those of http; gRPC's library would be 20 MB and a second client). Its
# parser's headers are in libprotoc-dev.                                                activity/http
find_library(PROTOBUF_LIBRARY NAMES libprotobuf.a protobuf REQUIRED)
find_path(PROTOBUF_INCLUDE google/protobuf/compiler/parser.h REQUIRED)
# wslay 1.1, MIT: frames of web sockets, without a network of its own (Debian's libcurl has no ws, and Beast would be a
# second network client beside it).                                                     activity/http
find_path(WSLAY_INCLUDE wslay/wslay.h REQUIRED)
find_library(WSLAY_LIBRARY NAMES libwslay.a wslay REQUIRED)
# fmt 9, MIT: formatting.                                                               where text is made
find_package(fmt REQUIRED)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  # Debian has no archive of fmt: the release binary takes it from the headers, and --as-needed drops the library.
  target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY=1)
  add_link_options(-Wl,--as-needed)
endif()
# jemalloc 5.3, BSD-2: memory that one thread takes and another gives back costs half of what glibc's does (steps10: 14
# to 7 us of CPU a step).                                                               app, the binary only
find_library(JEMALLOC_LIBRARY NAMES libjemalloc.a jemalloc REQUIRED)
# CLI11 2.1, BSD-3: arguments and help.                                                 cli
find_package(CLI11 REQUIRED)
# GoogleTest 1.12, BSD-3: tests.   Google Benchmark 1.7, Apache-2.0: microbenchmarks.   tests, bench
find_package(GTest)
find_package(benchmark QUIET)

add_library(perdure_rocksdb INTERFACE)
target_include_directories(perdure_rocksdb SYSTEM INTERFACE ${ROCKSDB_INCLUDE})
target_link_libraries(perdure_rocksdb INTERFACE ${ROCKSDB_LIBRARY} ${snappy_LIBRARY} ${lz4_LIBRARY} ${zstd_LIBRARY}
  ${bz2_LIBRARY} ${z_LIBRARY} Threads::Threads ${CMAKE_DL_LIBS})
