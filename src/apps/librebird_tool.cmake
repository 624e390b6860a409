# The native runner: static, so that the sandbox needs no library, and small, so that it starts at once. It is never
# instrumented: sanitizers cannot be linked statically, and nothing can be written inside.
find_library(LIBREBIRD_STATIC_BOOST_JSON NAMES libboost_json.a REQUIRED)
find_library(LIBREBIRD_STATIC_BOOST_CONTAINER NAMES libboost_container.a REQUIRED)
file(GLOB runner_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/hands/runner/*.cpp
     ${CMAKE_SOURCE_DIR}/src/hands/runner/mcp/mcp_*.cpp)
list(FILTER runner_sources EXCLUDE REGEX "_test\\.cpp$")
add_executable(librebird-tool librebird_tool.cpp ${runner_sources}
               ${CMAKE_SOURCE_DIR}/src/base/result.cpp ${CMAKE_SOURCE_DIR}/src/base/utf8.cpp)
target_link_libraries(librebird-tool PRIVATE librebird_skill_tools_runner ${LIBREBIRD_STATIC_BOOST_JSON}
                      ${LIBREBIRD_STATIC_BOOST_CONTAINER})
librebird_uninstrumented(librebird-tool)
target_link_options(librebird-tool PRIVATE -static)
