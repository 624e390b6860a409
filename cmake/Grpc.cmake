# gRPC, protobuf and RE2 (which gRPC brings), linked statically where the system has the archives: an executable that
# carries them but does not use them then pays nothing for loading them. Targets: librebird_grpc, librebird_protobuf
# (lite), librebird_re2, and the programs PROTOC_PROGRAM and GRPC_CPP_PLUGIN_PROGRAM.
#
# The CMake packages of the distributions name the shared libraries only, so the list comes from pkg-config (--static),
# and each -lNAME of it is replaced by libNAME.a when there is one. OpenSSL and zlib stay shared: other modules link
# them too. Works wherever the .pc files are (Debian 12 and 13, Ubuntu 24.04, Homebrew).
find_program(PROTOC_PROGRAM protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN_PROGRAM grpc_cpp_plugin REQUIRED)
pkg_check_modules(LIBREBIRD_GRPC REQUIRED grpc++)
pkg_check_modules(LIBREBIRD_PROTOBUF REQUIRED protobuf-lite)
pkg_check_modules(LIBREBIRD_RE2 REQUIRED re2)

# librebird_static_target(<target> <pkg-config prefix>)
function(librebird_static_target target prefix)
  set(shared ssl crypto z dl rt m pthread atomic c stdc++ systemd)
  set(archives "")
  set(others "")
  set(libraries ${${prefix}_STATIC_LIBRARIES})
  list(REVERSE libraries)  # the last mention is the one that serves all before it
  list(REMOVE_DUPLICATES libraries)
  list(REVERSE libraries)
  foreach(name IN LISTS libraries)
    if(name IN_LIST shared)
      list(APPEND others ${name})
      continue()
    endif()
    find_library(LIBREBIRD_ARCHIVE_${name} NAMES lib${name}.a
                 PATHS ${${prefix}_STATIC_LIBRARY_DIRS} ${${prefix}_LIBDIR})
    mark_as_advanced(LIBREBIRD_ARCHIVE_${name})
    if(LIBREBIRD_ARCHIVE_${name})
      list(APPEND archives ${LIBREBIRD_ARCHIVE_${name}})
    else()
      list(APPEND others ${name})
    endif()
  endforeach()
  list(REMOVE_ITEM others pthread ssl crypto)
  add_library(${target} INTERFACE)
  target_include_directories(${target} SYSTEM INTERFACE ${${prefix}_STATIC_INCLUDE_DIRS})
  # The archives name each other in circles; lld does not mind, GNU ld wants them grouped.
  target_link_libraries(${target} INTERFACE "$<LINK_GROUP:RESCAN,${archives}>" ${others} Threads::Threads)
endfunction()

librebird_static_target(librebird_protobuf LIBREBIRD_PROTOBUF)
librebird_static_target(librebird_re2 LIBREBIRD_RE2)
librebird_static_target(librebird_grpc LIBREBIRD_GRPC)
# Where RE2 needs Abseil (Debian 13), the .pc file of gRPC does not say which parts of it.
target_link_libraries(librebird_grpc INTERFACE librebird_re2 librebird_protobuf OpenSSL::SSL OpenSSL::Crypto)

# gRPC has some 400 static initialisers. Kept together instead of scattered over all of its code, they bring in 1.2 MiB
# of it at start-up instead of 5.4 MiB (PSS, measured with an executable that links librebird_rpc and never uses it).
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_link_options(librebird_grpc INTERFACE LINKER:-z,keep-text-section-prefix)
endif()
