# One helper per kind of target. A folder is a library; its files are found, not listed.

# librebird_module(<name> [DEPS public...] [PRIVATE private...] [TEST_DEPS ...])
# Sources: *.cpp in this folder. Tests beside them, by suffix: *_test.cpp (needs nothing),
# *_sandboxtest.cpp (needs namespaces), *_dbtest.cpp (needs a PostgreSQL server's programs); they become <name>_tests,
# <name>_sandboxtests and <name>_dbtests.
# Public headers: include/. The namespace is the folder's path.
function(librebird_module name)
  cmake_parse_arguments(M "" "" "DEPS;PRIVATE;TEST_DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cpp tests/*_test.cpp)
  file(GLOB sandboxtests CONFIGURE_DEPENDS *_sandboxtest.cpp tests/*_sandboxtest.cpp)
  file(GLOB dbtests CONFIGURE_DEPENDS *_dbtest.cpp tests/*_dbtest.cpp)
  list(FILTER sources EXCLUDE REGEX "_(sandbox|db)?test\\.cpp$")
  set(target librebird_${name})
  if(sources)
    add_library(${target} STATIC ${sources})
    target_include_directories(${target} PUBLIC include PRIVATE .)
    target_link_libraries(${target} PUBLIC ${M_DEPS} PRIVATE ${M_PRIVATE})
    librebird_reuse_pch(${target})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE include)
    target_link_libraries(${target} INTERFACE ${M_DEPS})
  endif()
  if(tests)
    librebird_tests(${name}_tests unit SOURCES ${tests} DEPS ${target} ${M_PRIVATE} ${M_TEST_DEPS})
  endif()
  if(sandboxtests)
    librebird_tests(${name}_sandboxtests sandbox SOURCES ${sandboxtests} DEPS ${target} ${M_PRIVATE} ${M_TEST_DEPS})
  endif()
  if(dbtests)
    librebird_tests(${name}_dbtests db SOURCES ${dbtests} DEPS ${target} ${M_PRIVATE} ${M_TEST_DEPS})
  endif()
endfunction()

# librebird_plugin(<kind> <name> [PRIVATE ...] [TEST_DEPS ...]): a plug-in folder. It has no public header; its one
# entry point is `librebird::plugins::<kind>_<name>()`, which the generated registry of its kind calls.
function(librebird_plugin kind name)
  cmake_parse_arguments(P "" "" "PRIVATE;TEST_DEPS" ${ARGN})
  librebird_module(${kind}_${name} PRIVATE ${P_PRIVATE} TEST_DEPS ${P_TEST_DEPS})
  set_property(GLOBAL APPEND PROPERTY librebird_plugins_${kind} ${name})
endfunction()

# librebird_registry(<kind> <type> <header> <function>): writes the list of a kind's plug-ins into a library
# librebird_<kind>_registry that defines `std::vector<type> function()`. Call it after the plug-in folders.
function(librebird_registry kind type header function)
  get_property(names GLOBAL PROPERTY librebird_plugins_${kind})
  set(declarations "")
  set(entries "")
  set(libraries "")
  foreach(name IN LISTS names)
    string(APPEND declarations "namespace librebird::plugins { ${type} ${kind}_${name}(); }\n")
    string(APPEND entries "      plugins::${kind}_${name}(),\n")
    list(APPEND libraries librebird_${kind}_${name})
  endforeach()
  set(file ${CMAKE_CURRENT_BINARY_DIR}/${kind}_registry.cpp)
  file(CONFIGURE OUTPUT ${file} CONTENT
"// Generated from the plug-in folders; do not edit.
#include <${header}>
${declarations}
namespace librebird {
std::vector<${type}> ${function}() {
  return {
${entries}  };
}
}  // namespace librebird
" @ONLY)
  add_library(librebird_${kind}_registry STATIC ${file})
  target_link_libraries(librebird_${kind}_registry PUBLIC librebird_core_ports PRIVATE ${libraries})
endfunction()

# librebird_tests(<name> <label> SOURCES ... DEPS ...): one GoogleTest executable.
function(librebird_tests name label)
  cmake_parse_arguments(T "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${T_DEPS} GTest::gmock_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  librebird_reuse_pch(${name})
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 300)
endfunction()

# Stable headers only (never our own): see src/base/async.
function(librebird_reuse_pch target)
  if(NOT LIBREBIRD_PCH)
    return()
  endif()
  if(TARGET librebird_pch)
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL INTERFACE_LIBRARY)
      target_precompile_headers(${target} REUSE_FROM librebird_pch)
      target_link_libraries(${target} PRIVATE librebird_asio)
    endif()
  endif()
endfunction()

# librebird_uninstrumented(<target>): a program that runs inside a sandbox is built the same in every preset: without
# sanitizers and without coverage.
function(librebird_uninstrumented target)
  set(plain -fno-sanitize=all)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    list(APPEND plain -fno-profile-instr-generate -fno-coverage-mapping)
  endif()
  target_compile_options(${target} PRIVATE ${plain})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL EXECUTABLE)
    target_link_options(${target} PRIVATE ${plain})
  endif()
endfunction()
