# Every third-party library the C++ code uses, all of them system packages (packages.txt).
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL 15 REQUIRED)
find_package(fmt REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)

# Asio is compiled once for the whole program, Beast once in src/net.
add_library(librebird_asio_impl STATIC ${CMAKE_SOURCE_DIR}/src/base/async/asio/asio_impl.cpp)
target_compile_definitions(librebird_asio_impl PUBLIC BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
                           BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_DISABLE_VISIBILITY)
target_link_libraries(librebird_asio_impl PUBLIC Boost::headers Threads::Threads)
# For those who speak TLS: src/net and the egress fence.
add_library(librebird_asio_tls STATIC ${CMAKE_SOURCE_DIR}/src/base/async/asio/asio_tls_impl.cpp)
target_link_libraries(librebird_asio_tls PUBLIC librebird_asio_impl OpenSSL::SSL OpenSSL::Crypto)
add_library(librebird_asio INTERFACE)
target_link_libraries(librebird_asio INTERFACE librebird_asio_impl)
