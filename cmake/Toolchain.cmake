# Language, warnings, speed of the build itself. One place for compiler flags.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# Only executables are made, so libraries are compiled as -fPIE too: one precompiled header then serves both.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_COMPILE_OPTIONS_PIC -fPIE)
set(CMAKE_C_COMPILE_OPTIONS_PIC -fPIE)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(LIBREBIRD_ASSERTS "Keep assertions in optimised builds" ON)
option(LIBREBIRD_FUZZ "Build the libFuzzer targets" OFF)
option(LIBREBIRD_COVERAGE "Count which lines run (clang)" OFF)
option(LIBREBIRD_PCH "Precompile stable third-party headers" ON)
set(LIBREBIRD_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")

# Two compilers fit the machine we build for; linking a static gRPC wants the memory for itself.
set_property(GLOBAL PROPERTY JOB_POOLS compile=2 link=1)
if(NOT DEFINED CMAKE_JOB_POOL_LINK)
  set(CMAKE_JOB_POOL_LINK link)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Relative paths and these sloppiness flags let every worktree share one cache, precompiled headers included.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_PCH_EXTSUM=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wno-missing-field-initializers -fno-omit-frame-pointer
                    -fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_link_options(-fuse-ld=lld)
  add_compile_options(-Wno-gnu-zero-variadic-macro-arguments
                      "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # CMake's own form hides the path behind -Xclang, where ccache cannot make it relative.
  set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -include-pch <PCH_FILE>)
endif()
if(NOT LIBREBIRD_ASSERTS)
  add_compile_definitions(NDEBUG)
endif()
if(LIBREBIRD_SANITIZE)
  add_compile_options(-fsanitize=${LIBREBIRD_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LIBREBIRD_SANITIZE})
elseif(NOT LIBREBIRD_FUZZ)
  add_compile_options($<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
endif()
if(LIBREBIRD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(LIBREBIRD_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()
add_link_options(-Wl,-z,relro,-z,now -Wl,--gc-sections)
add_compile_options(-ffunction-sections -fdata-sections)
