// Beast's own code and Asio's TLS code, compiled once for the whole program (the *_SEPARATE_COMPILATION definitions).
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
